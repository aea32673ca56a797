#pragma once

#include <filesystem>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/report/report_data.h"

namespace cprobe {

/// Reads what a report shows from run folders, and from those below other folders (find_runs). Runs
/// may be going on there. If circuit files or the model's config.json are gone, a note says so.
/// @param on_progress told of every run that is read.
/// @throws Error (kInput) as find_runs and open_to_read; (kInterrupted) once a stop is requested.
ReportData read_runs(const std::vector<std::filesystem::path>& paths, const OnProgress& on_progress = {});

/// Indices of at most `most` (>= 2) epochs of a curve, evenly spaced, with the first and the last.
std::vector<size_t> thinned(size_t n_epochs, size_t most);

}  // namespace cprobe
