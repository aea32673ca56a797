#pragma once

#include <string>

#include "cli/options.h"
#include "cli/progress_bar.h"

namespace cprobe {

/// Callbacks that show a run on stderr:
///   - with `quiet`: warnings only;
///   - with `json`: one line of JSON for every cell that begins or ends, and warnings;
///   - otherwise: a bar and all messages.
/// @param bar  must outlive the result.
RunCallbacks run_callbacks(ProgressBar& bar, bool quiet);

/// Computes cells as a command line says, shows the run on stderr, and prints the outcome.
/// @param run    computes the cells.
/// @param print  prints what the record holds then. Not called by a process that works beside
///               others: by a shard, which prints a summary, nor by an MPI rank other than 0.
/// @throws Error as `run` and `report_failures`.
void run_and_print(const RunCommand& command, const std::function<RunSummary(const RunOptions&)>& run,
                   const std::function<void(const Store&, const RunSummary&)>& print);

/// Reports the failed cells of a run, if any, as the last step of a command.
/// @param command  the command that tries failed cells again, for the message.
/// @throws Error (kFailed) naming the cells that failed.
void report_failures(const RunSummary& summary, const std::string& command = "the same command");

}  // namespace cprobe
