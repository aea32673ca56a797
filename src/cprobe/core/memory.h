#pragma once

#include <cstdint>
#include <string>

namespace cprobe {

/// Has memory that is freed kept for later allocations, where it would else go back to the system:
/// each training step allocates the arrays of the one before, and the system fills a page with
/// zeros each time that it gives the page away. Arrays of over 32 MB go back all the same. Called
/// by main.
void keep_freed_memory();

/// The peak resident set size of this process so far, in bytes, including mapped files. 0 if the
/// system does not report the size.
int64_t peak_memory();

/// The resident pages of files that this process has mapped, in bytes: the part of its memory that
/// other processes share and the system can take back. 0 if the system does not report the size.
int64_t mapped_memory();

/// Memory that this process can still use, in bytes: what it has freed and kept, and the smaller of
/// what the machine has available and what the limit of the process's control group (a container, a
/// Slurm job) leaves, not counting cached files. Reads only version 2 of control groups. 10^15 if
/// the system reports neither number.
int64_t available_memory();

/// A size as text: "12 kB", "540 MB", "1.07 GB". A kB is 1,000 bytes. @param bytes  >= 0.
std::string format_bytes(int64_t bytes);

}  // namespace cprobe
