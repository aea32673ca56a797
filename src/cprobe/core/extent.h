#pragma once

#include <cstdint>
#include <string_view>

namespace cprobe {

/// How much of a whole a set takes.
enum class Extent { kEmpty, kFull, kPart };

/// @param n members of the set, of the `of` members of the whole. A set of nothing is empty.
constexpr Extent extent_of(int64_t n, int64_t of) {
  return n == 0 ? Extent::kEmpty : n == of ? Extent::kFull : Extent::kPart;
}

/// "empty", "full" or "proper part".
constexpr std::string_view to_string(Extent extent) {
  return extent == Extent::kEmpty ? "empty" : extent == Extent::kFull ? "full" : "proper part";
}

}  // namespace cprobe
