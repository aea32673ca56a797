#pragma once

#include <filesystem>
#include <string>

namespace cprobe {

/// The file system of a path, for messages: "the lustre file system at /scratch". The path need not
/// exist. "its file system" if the kernel's table of mounts cannot be read.
std::string file_system_of(const std::filesystem::path& path);

}  // namespace cprobe
