#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cprobe/probe/streams.h"
#include "cprobe/run/estimate.h"
#include "cprobe/run/run_options.h"

namespace cprobe {

/// The cells of a run: circuits, or cells of comparison methods.
struct CellSet {
  std::string what;           ///< Name of the work for progress, such as "circuits".
  bool is_estimated = false;  ///< Whether an Estimate tells the time that these cells take.
  /// Returns the cells with their identities, in the order of the tables.
  std::function<std::vector<PlannedCell>(int n_threads)> plan;
  /// Returns the unfinished cells in the order in which a single worker computes them.
  /// @param unfinished  numbers in the plan.
  /// @param estimate    null if nothing was measured.
  std::function<std::vector<ScheduledCell>(const std::vector<size_t>& unfinished, const Estimate* estimate)> schedule;
  /// Computes a cell. Called on many threads.
  /// @param i        number in the plan. @param id  its identity.
  /// @param data     the run's data, with the model on the thread's device.
  /// @param streams  of that model; the thread keeps them from cell to cell.
  std::function<FinishedCell(size_t i, const std::string& id, const RunData& data, Streams& streams,
                             const OnProgress& on_progress)>
      compute;
};

/// Does the part of a run that all kinds of cells share: locks the folder, opens its record,
/// settles the number of jobs and threads, and has the unfinished cells computed. On an MPI rank
/// other than 0, computes cells for rank 0.
/// @param cells    cells of circuit probing on this spec. Jobs and threads are measured with them,
///                 even if `set` holds cells of comparison methods.
/// @param summary  what is known so far. `summary.out` is the run folder.
/// @throws Error
///   - (kInput) if the folder holds something else than a run, if another process works in the
///     folder, or if a shard is to compute finished cells again;
///   - otherwise as compute_cells.
RunSummary run_cells(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const CellSet& set,
                     const RunOptions& options, RunSummary summary);

/// Runs `run`, and handles an exception by where this process stands:
///   - without MPI: rethrows the exception;
///   - on rank 0: tells the other ranks that there is no work, and rethrows the exception;
///   - on another rank: sends the error to rank 0, which prints it, and rethrows nothing. After a
///     request to stop, sends nothing.
RunSummary report_to_rank_zero(const RunOptions& options, const std::function<RunSummary()>& run);

}  // namespace cprobe
