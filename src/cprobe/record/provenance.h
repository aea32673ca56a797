#pragma once

#include <string>

/// Who computed something, where and with what: for the record of a run.
namespace cprobe {

/// The time now: "2024-05-01T12:00:00Z".
std::string utc_now();

/// How this process was called, as a shell would take it; empty where the system does not tell.
std::string command_line();

std::string host_name();

/// "cprobe 0.1.0, GCC 12.2.0, libtorch 1.13.1, OpenBLAS 0.3.21 ...".
std::string versions();

}  // namespace cprobe
