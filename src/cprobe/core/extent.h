#pragma once

#include <cstdint>
#include <string_view>

#include "cprobe/core/name_of.h"

namespace cprobe {

/// How much of a whole a set of units takes.
enum class Extent { kEmpty, kPart, kFull };

/// "empty", "proper part", "full".
constexpr std::string_view to_string(Extent extent) {
  return name_of(extent, {"empty", "proper part", "full"});
}

/// Of n among at most `most`.
constexpr Extent extent_of(int64_t n, int64_t most) {
  return n == 0 ? Extent::kEmpty : n < most ? Extent::kPart : Extent::kFull;
}

}  // namespace cprobe
