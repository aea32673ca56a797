#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/record/store.h"

/// Whoever computes cells, one each at a time: threads of this process, or those of other ranks (rank_workers.h).
namespace cprobe {

/// Computes a cell. @param cell its number in the plan. @throws Error and whatever libtorch throws.
using ComputeCell = std::function<FinishedCell(size_t cell, const OnProgress& on_progress)>;
/// Makes one for a thread, with what it keeps from one cell to the next. @param worker number of the thread, from 0.
using MakeComputeCell = std::function<ComputeCell(size_t worker)>;

/// What a worker says.
struct WorkerReport {
  enum class Kind {
    kReady,     ///< It takes cells from now on.
    kProgress,  ///< At its cell.
    kComputed,
    kFailed,
    kStopped,  ///< It gave its cell up, as asked.
    kLost,     ///< It cannot go on, for a reason that is not its cell's; or nothing has been heard of it for long.
  };
  Kind kind = Kind::kProgress;
  size_t worker = 0;
  size_t cell = 0;
  double share = 0;            ///< kProgress: of the cell, 0 to 1.
  std::string text;            ///< kProgress: what it is at; kFailed, kLost: the error.
  FinishedCell finished = {};  ///< kComputed.
};

class Workers {
 public:
  virtual ~Workers() = default;

  virtual size_t count() const = 0;
  /// Begins a cell; never waits. The worker is ready, and has none now.
  virtual void give(size_t worker, size_t cell) = 0;
  /// What they said since the last call, in order, and of progress the latest; waits for the first as long as that.
  virtual std::vector<WorkerReport> reports(std::chrono::milliseconds wait) = 0;
};

/// How many cells are computed at once, and on how many threads each.
struct Parallelism {
  int n_jobs = 1;
  int n_threads = 1;  ///< Part of a cell's identity.

  bool operator==(const Parallelism&) const = default;
};

/// Threads of this process; where they take all its processors, each is pinned to its own. Destroyed, they give up their cells
/// at the next report of progress.
std::unique_ptr<Workers> thread_workers(const Parallelism& parallelism, MakeComputeCell make);

}  // namespace cprobe
