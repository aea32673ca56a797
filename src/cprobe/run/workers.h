#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/record/store.h"

/// Workers compute cells, each one cell at a time. They are threads of this process, or threads of
/// other ranks (rank_workers.h).
namespace cprobe {

/// Computes a cell. @param cell  its number in the plan. @throws Error, and exceptions of libtorch.
using ComputeCell = std::function<FinishedCell(size_t cell, const OnProgress& on_progress)>;
/// Makes the ComputeCell of one thread, with the data that the thread keeps from cell to cell.
/// @param worker  number of the thread, from 0.
using MakeComputeCell = std::function<ComputeCell(size_t worker)>;

/// A message of a worker.
struct WorkerReport {
  enum class Kind {
    kReady,     ///< The worker takes cells from now on.
    kProgress,  ///< The worker is at its cell.
    kComputed,  ///< The worker has computed its cell.
    kFailed,    ///< The worker's cell has failed.
    kStopped,   ///< The worker has given up its cell, as asked.
    /// The worker cannot go on (`text` says why; its cell is not the reason), or the worker has
    /// been silent for too long (`text` is empty; its cell may be the reason).
    kLost,
  };
  Kind kind = Kind::kProgress;
  size_t worker = 0;
  size_t cell = 0;
  double share = 0;            ///< kProgress: the part of the cell that is done, 0 to 1.
  std::string text;            ///< kProgress: the present step; other kinds: the error.
  FinishedCell finished = {};  ///< kComputed only.
};

class Workers {
 public:
  virtual ~Workers() = default;

  virtual size_t count() const = 0;
  /// Makes a worker begin a cell; never waits. The worker must be ready and have no cell.
  virtual void give(size_t worker, size_t cell) = 0;
  /// Takes reports that no earlier call returned, in order. Of a worker's progress only the latest
  /// is kept. Some reports may be left for the next call. If there is no report, waits for one, but
  /// no longer than `wait`.
  virtual std::vector<WorkerReport> reports(std::chrono::milliseconds wait) = 0;
};

/// How many cells are computed at once, and on how many threads each.
struct Parallelism {
  int n_jobs = 1;     ///< Cells at once.
  int n_threads = 1;  ///< Threads of each cell; part of its identity.

  bool operator==(const Parallelism&) const = default;
};

/// Starts workers that are threads of this process. If all threads together are as many as the
/// processors that this process may use, each worker is pinned to processors of its own. The
/// destructor makes workers give up their cells at the next report of progress, and waits for them.
/// @throws Error (kFailed) if the threads cannot be started.
std::unique_ptr<Workers> thread_workers(const Parallelism& parallelism, MakeComputeCell make);

}  // namespace cprobe
