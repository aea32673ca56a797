#pragma once

#include <cstdint>
#include <string_view>

#include "cprobe/core/name_of.h"

namespace cprobe {

/// How much of a whole a set takes, such as the circuit's share of a component's units: nothing, a
/// part, or all.
enum class Extent { kEmpty, kPart, kFull };

/// "empty", "proper part" or "full".
constexpr std::string_view to_string(Extent extent) {
  return name_of(extent, {"empty", "proper part", "full"});
}

/// The extent of a set of n units in a whole of `most` units.
constexpr Extent extent_of(int64_t n, int64_t most) {
  return n == 0 ? Extent::kEmpty : n < most ? Extent::kPart : Extent::kFull;
}

}  // namespace cprobe
