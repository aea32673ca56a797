#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Reads what a report shows from run folders, and from those below other folders (find_runs). Runs
/// may be going on there. If circuit files or the model's config.json are gone, a note says so.
/// @param quiet  shows no progress.
/// @throws Error (kInput) as find_runs and open_to_read; (kInterrupted) once a stop is requested.
ReportData read_runs(const std::vector<std::filesystem::path>& paths, bool quiet = false);

/// Indices of at most `most` (>= 2) epochs of a curve, evenly spaced, with the first and the last.
std::vector<size_t> thinned(size_t n_epochs, size_t most);

}  // namespace cprobe
