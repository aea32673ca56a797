#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

struct stat;

namespace cprobe {

/// What tells a file from every other file of this machine, and from itself before a change. Times
/// are nanoseconds since 1970. Programs can set the time of the last modification back, but the
/// time of the last change only by setting the system's clock.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t n_bytes = 0;
  int64_t modified = 0;
  int64_t changed = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

FileIdentity identity_of(const struct stat& status);
/// None if the system does not say.
std::optional<FileIdentity> identity_of(const std::filesystem::path& path);

/// The time now, as in a FileIdentity.
int64_t nanoseconds_now();

}  // namespace cprobe
