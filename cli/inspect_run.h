#pragma once

#include <filesystem>

namespace cprobe {

/// Prints what a run folder holds and, while a process works there, how far it is. @param json one object.
void print_run(const std::filesystem::path& folder, bool json);

/// Puts what is intact of a damaged record in its place (Store::repair) and says what is lost. @throws Error (kInput) as it
/// does, and while a process works in the folder.
void repair_run(const std::filesystem::path& folder);

}  // namespace cprobe
