#pragma once

#include <filesystem>
#include <vector>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Finds run folders: each path that is a run folder, and all run folders below any other path. A
/// run comes once, in the order of `paths` and then by name, with numbers compared by value. Sets
/// what a folder's name says (folder, name, series and step), and reads nothing else.
/// @throws Error (kInput) naming a path that does not exist or holds no run.
std::vector<ReportedRun> find_runs(const std::vector<std::filesystem::path>& paths);

}  // namespace cprobe
