#pragma once

#include <string>

#include "cli/progress_bar.h"
#include "cprobe/run/compute_cells.h"

namespace cprobe {

/// What a command with the options --quiet and --json shows of a run: a bar, or a line of JSON on
/// stderr for every cell that begins or ends, or only warnings. @param bar must outlive the result.
RunCallbacks run_callbacks(ProgressBar& bar, bool quiet, bool json);

/// What a process says at its end that worked beside others; they may not be done. @throws Error as report_failures.
/// @param json one object.
void print_shard(const RunSummary& summary, bool json);

/// The last thing that a command does with a run. @throws Error (kFailed) naming the cells that failed, if any did.
/// @param command that tries them again.
void report_failures(const RunSummary& summary, const std::string& command = "the same command");

}  // namespace cprobe
