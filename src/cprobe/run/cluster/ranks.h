#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cprobe {

/// The processes of an MPI job. Messages between two of them arrive whole and in order; only an empty one, which says that
/// its sender lives, may overtake others.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual int rank() const = 0;  ///< 0 to count() - 1.
  virtual int count() const = 0;
  /// Never waits: a message to a dead rank is lost. @throws Error (kFailed) if it is larger than messages can be.
  virtual void send(int to, std::string message) = 0;
  /// The next message that has arrived, and from whom; none: there is none now.
  virtual std::optional<std::pair<int, std::string>> receive() = 0;
};

/// Joins the MPI job as which mpirun started this process. @return nullptr where nobody did, or this program was built
/// without MPI. Destroyed, it leaves the job.
/// @throws Error (kInput) where there are several processes and this program was built without MPI.
std::unique_ptr<Ranks> join_ranks();

}  // namespace cprobe
