#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Reads what a report shows of run folders and of the folders that hold some (find_runs); a run may be going on there.
/// Circuit files and the model's config.json are read where they are still there, otherwise a note says so. Shows
/// progress.
/// @throws Error (kInput) as find_runs and Store::open_existing, (kInterrupted) once a stop is requested.
ReportData read_runs(const std::vector<std::filesystem::path>& paths, bool quiet = false);

/// At most `most` (>= 2) epochs of a curve, evenly spaced; the first and the last among them.
std::vector<size_t> thinned(size_t n_epochs, size_t most);

}  // namespace cprobe
