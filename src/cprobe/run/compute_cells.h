#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cprobe/run/run_folder.h"
#include "cprobe/run/scheduler.h"
#include "cprobe/run/workers.h"

namespace cprobe {

/// How a run tells how far it is.
enum class Following {
  kBar,    ///< A bar or, where stderr is no terminal, a line a minute.
  kJson,   ///< A line on stderr for every cell that begins or ends.
  kQuiet,  ///< Not at all.
};

/// Cells to compute.
struct CellBatch {
  std::string what;                       ///< "circuits": what the bar counts.
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
void compute_cells(Store& store, const CellBatch& batch, Workers& workers, Following following, RunSummary& summary);

}  // namespace cprobe
