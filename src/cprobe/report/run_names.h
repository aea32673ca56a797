#pragma once

#include <filesystem>
#include <vector>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// The run folders among `paths` and, where one of these is none itself, those below it; each once, in the order given
/// and below a folder by name, numbers by value. Nothing is read from them yet: folder and name only.
/// @throws Error (kInput) naming the path where it does not exist or holds no run.
std::vector<ReportedRun> find_runs(const std::vector<std::filesystem::path>& paths);

}  // namespace cprobe
