#pragma once

#include <string>

namespace cprobe {

/// What `cprobe --version --json` prints: an object with the versions of cprobe, libtorch and the
/// libraries of linear algebra, the newest formats that are written, and the devices.
std::string versions_json();

}  // namespace cprobe
