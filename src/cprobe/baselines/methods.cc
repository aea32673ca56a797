#include <array>

#include "cprobe/baselines/baseline.h"

namespace cprobe {

std::span<const MethodEntry> baseline_methods() {
  static const std::array<MethodEntry, 0> kMethods = {};
  return kMethods;
}

}  // namespace cprobe
