#pragma once

#include <filesystem>

namespace cprobe {

/// Prints the contents of a run folder. While a process works in the folder, also prints how far
/// the run has come.
/// @param json  prints one JSON object.
void print_run(const std::filesystem::path& folder, bool json);

/// Replaces a damaged record by its intact part (Store::repair) and prints which cells are lost.
/// @throws Error (kInput) as `Store::repair`, or if a process works in the folder.
void repair_run(const std::filesystem::path& folder);

}  // namespace cprobe
