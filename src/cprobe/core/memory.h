#pragma once

#include <cstdint>
#include <string>

namespace cprobe {

/// The largest resident set of the process so far, in bytes, mapped files included; 0 if the system
/// does not say.
int64_t peak_memory();

/// Memory that this process can still get, in bytes: free memory of the machine or, if less, what
/// the process's control group still allows. 10^15 if the system does not say.
int64_t available_memory();

/// A size in words: "12 kB", "540 MB", "1.07 GB". @param bytes >= 0; a kB is 1,000 bytes.
std::string format_bytes(int64_t bytes);

}  // namespace cprobe
