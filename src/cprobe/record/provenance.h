#pragma once

#include <string>

/// When, where and with what something was computed, for the record of a run.
namespace cprobe {

/// The present time in UTC, such as "2024-05-01T12:00:00Z".
std::string utc_now();

/// The command line of this process, quoted for a shell; empty if the system does not tell.
std::string command_line();

/// The name of this machine; empty if the system does not tell.
std::string host_name();

/// What computes, with versions: "cprobe 0.2.0, GCC 12.2.0, libtorch 1.13.1, oneDNN 2.6.3
/// (AVX-512), OpenBLAS 0.3.21 ...". The library of matrix products comes before that of other
/// linear algebra.
std::string versions();

}  // namespace cprobe
