#pragma once

#include "cprobe/experiment/run_folder.h"

namespace cprobe {

/// The last thing that a command does with a run. @throws Error (kFailed) naming the cells that failed, if any did.
void report_failures(const RunSummary& summary);

}  // namespace cprobe
