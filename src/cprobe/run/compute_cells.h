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

/// A cell that begins or is over, with the counts of cells after this event.
struct CellEvent {
  enum class Kind { kBegun, kDone, kFailed };
  Kind kind = Kind::kBegun;
  const PlannedCell& cell;
  size_t n_done = 0;
  size_t n_running = 0;
  size_t n_failed = 0;
  size_t n_cells = 0;        ///< Cells of the plan.
  std::string problem = {};  ///< kFailed: the error.
};

/// Functions that follow a run, called on the thread that called the run. Each may be empty.
struct RunCallbacks {
  OnProgress on_progress = {};  ///< Told of the measurement of time, if any, then of the cells.
  std::function<void(const CellEvent&)> on_cell = {};
  OnMessage on_message = {};

  /// Whether somebody wants to know how long the run takes.
  bool follow_time() const { return on_progress || on_cell; }
};

/// Cells to compute.
struct CellBatch {
  std::string what;                       ///< Name of the work for progress, such as "circuits".
  std::vector<PlannedCell> plan;          ///< All cells of the run.
  std::vector<ScheduledCell> unfinished;  ///< Cells to compute, in order; numbers in `plan`.
  size_t n_failed = 0;                    ///< Cells of the plan that failed before and are left so.
  /// Asked before a cell is begun. False: the cell is left to another process. An empty function
  /// means that no other process computes cells of the plan.
  std::function<bool(const std::string& id)> claim = {};
  /// Told when a cell has been recorded as done or failed. May be empty.
  std::function<void(const std::string& id, bool is_done)> over = {};
};

/// Has workers compute cells and records each cell when it is finished or failed. Writes the tables
/// at the end, and also when a stop is requested.
///
/// Only this thread writes to the record; workers do not. The cell of a lost worker goes to another
/// worker; a cell that two workers were lost with counts as failed.
/// @throws Error
///   - (kInterrupted) when a stop is requested, saying what was kept;
///   - (kFailed) if the record cannot be written, or no worker is left.
void compute_cells(Store& store, const CellBatch& batch, Workers& workers, const RunCallbacks& callbacks,
                   RunSummary& summary);

}  // namespace cprobe
