#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cprobe/run/estimate.h"
#include "cprobe/run/run_options.h"

namespace cprobe {

/// What is to be computed, whatever it is.
struct CellSet {
  std::string what;           ///< "circuits": what progress is told of.
  bool is_estimated = false;  ///< Whether an Estimate says what these cells take.
  /// The cells with their identities, in the order of the tables.
  std::function<std::vector<PlannedCell>(int n_threads)> plan;
  /// Cells in the order in which one worker computes them. @param unfinished numbers in the plan. @param estimate null:
  /// nothing was measured.
  std::function<std::vector<ScheduledCell>(const std::vector<size_t>& unfinished, const Estimate* estimate)> schedule;
  /// Called once a thread. @param scratch where it keeps its residual streams. @param data of the run, with the model on
  /// the thread's device; lives as long as what is made.
  std::function<ComputeCell(const std::vector<PlannedCell>& plan, const NewRows& scratch, const RunData& data)>
      make_compute;
};

/// The part of a run that all kinds of cells share: the lock and the record of the folder, the number of jobs and threads,
/// and whoever computes the cells that are not there yet.
/// @param cells  what circuit probing does on this spec: by it jobs and threads are measured.
/// @param summary as far as it is known.
/// @throws Error (kInput) where the folder is not one of ours or another process works in it; otherwise as compute_cells.
RunSummary run_cells(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const CellSet& set,
                     const RunOptions& options, RunSummary summary);

/// What all other ranks do in place of a problem of their own: tell rank 0, which prints it. Elsewhere, and on rank 0,
/// the problem goes on.
RunSummary report_to_rank_zero(const RunOptions& options, const std::function<RunSummary()>& run);

}  // namespace cprobe
