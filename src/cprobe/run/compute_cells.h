#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cprobe/core/message.h"
#include "cprobe/core/progress.h"
#include "cprobe/run/run_folder.h"
#include "cprobe/run/scheduler.h"
#include "cprobe/run/workers.h"

namespace cprobe {

/// A cell that begins or is over, with the numbers of cells after that.
struct CellEvent {
  enum class Kind { kBegun, kDone, kFailed };
  Kind kind = Kind::kBegun;
  const PlannedCell& cell;
  size_t n_done = 0;
  size_t n_running = 0;
  size_t n_failed = 0;
  size_t n_cells = 0;        ///< Of the plan.
  std::string problem = {};  ///< kFailed: the error.
};

/// Whoever follows a run. Each is called by the thread that called the run, and may be empty.
struct RunCallbacks {
  OnProgress on_progress = {};  ///< Told of the run's own measurement, then of its cells.
  std::function<void(const CellEvent&)> on_cell = {};
  OnMessage on_message = {};

  /// Whether anybody wants to know how long the run takes.
  bool follow_time() const { return on_progress || on_cell; }
};

/// Cells to compute.
struct CellBatch {
  std::string what;                       ///< "circuits": what progress is told of.
  std::vector<PlannedCell> plan;          ///< All cells of the run.
  std::vector<ScheduledCell> unfinished;  ///< Those to compute, in order; numbers in `plan`.
  size_t n_failed = 0;                    ///< Of the plan: those that failed before and are left so.
  /// Asked before a cell is begun; false: another process computes it. Empty: nobody else does.
  std::function<bool(const std::string& id)> claim = {};
  /// Told when a cell is recorded, done or failed; may be empty.
  std::function<void(const std::string& id, bool is_done)> over = {};
};

/// Has workers compute cells, records each as it is finished or failed, and then writes the tables, also where a stop is
/// requested. The only writer of the record. Cells of workers that are lost go to others.
/// @throws Error (kInterrupted) saying what was kept; (kFailed) if the record cannot be written or no worker is left.
void compute_cells(Store& store, const CellBatch& batch, Workers& workers, const RunCallbacks& callbacks,
                   RunSummary& summary);

}  // namespace cprobe
