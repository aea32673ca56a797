#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "cprobe/io/safetensors.h"

namespace cprobe {

/// Digests by name of tensor.
using Digests = std::map<std::string, uint64_t>;

/// A folder that keeps digests of the tensors of large files from one process to the next, so that
/// a checkpoint of many gigabytes is read through once. The folder has one small file per
/// checkpoint file, with the checkpoint's FileIdentity. Digests are found again only while the
/// identity is the same.
struct DigestCache {
  std::filesystem::path folder;        ///< Empty: nothing is kept or found.
  int64_t least_bytes = 64'000'000;    ///< Smaller files are not worth a file of their own.
  int64_t least_age = 60'000'000'000;  ///< Nanoseconds, see `keep_digests`.
};

/// The user's cache: the folder `cprobe` in $XDG_CACHE_HOME, else in $HOME/.cache. Without either
/// variable, a cache that keeps nothing.
DigestCache user_digest_cache();

/// The digests that were kept of a file. Empty if there are none, if the file has changed since, or
/// if what was kept is damaged or of another version of this program.
Digests kept_digests(const DigestCache& cache, const SafetensorsFile& file);

/// Keeps digests of a file. Does nothing
///   - if the file is smaller than `least_bytes`;
///   - if the file was changed less than `least_age` before it was opened: a program that writes
///     through a mapping may go on for half a minute before the system dates the file again;
///   - if the file has changed since it was opened;
///   - if the cache cannot be written.
void keep_digests(const DigestCache& cache, const SafetensorsFile& file, const Digests& digests);

}  // namespace cprobe
