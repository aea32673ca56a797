#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cprobe {

/// The processes of an MPI job. Messages between two processes arrive whole and in order. Only an
/// empty message, which says that its sender is alive, may overtake other messages.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual int rank() const = 0;   ///< The rank of this process, 0 to count() - 1.
  virtual int count() const = 0;  ///< The number of processes.
  /// Sends a message without waiting. A message to a dead rank is lost.
  /// @throws Error (kFailed) if the message has more than 2^31 - 1 bytes.
  virtual void send(int to, std::string message) = 0;
  /// Takes the next message that has arrived, with its sender's rank. None if no message is there.
  virtual std::optional<std::pair<int, std::string>> receive() = 0;
};

/// Joins the MPI job that this process was started in. The destructor leaves the job.
/// @return  nullptr if the process is in no MPI job, is alone in its job, or was built without MPI.
/// @throws Error (kInput) if Open MPI started several processes of a program built without MPI.
std::unique_ptr<Ranks> join_ranks();

}  // namespace cprobe
