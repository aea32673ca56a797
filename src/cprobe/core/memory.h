#pragma once

#include <cstdint>
#include <string>

namespace cprobe {

/// The most memory that the process has held so far, in bytes: its resident set, mapped files included. 0 where
/// the system does not tell.
int64_t peak_memory();

/// Memory that processes can still have, in bytes; a petabyte where the system does not tell.
int64_t available_memory();

/// "540 MB", "1.07 GB", "12 kB". @param bytes >= 0; a kB is 1,000 bytes.
std::string format_bytes(int64_t bytes);

}  // namespace cprobe
