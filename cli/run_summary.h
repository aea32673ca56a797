#pragma once

#include <string>

#include "cprobe/run/compute_cells.h"

namespace cprobe {

/// How a command with the options --quiet and --json is followed.
Following following(bool quiet, bool json);

/// What a process says at its end that worked beside others; they may not be done. @throws Error as report_failures.
/// @param json one object.
void print_shard(const RunSummary& summary, bool json);

/// The last thing that a command does with a run. @throws Error (kFailed) naming the cells that failed, if any did.
/// @param command that tries them again.
void report_failures(const RunSummary& summary, const std::string& command = "the same command");

}  // namespace cprobe
