#pragma once

#include <cstdint>

namespace cprobe {

/// Remainder of the division by `modulus` > 0, in [0, modulus) whatever the sign of `value`.
constexpr int64_t euclidean_remainder(int64_t value, int64_t modulus) {
  const int64_t remainder = value % modulus;
  return remainder < 0 ? remainder + modulus : remainder;
}

}  // namespace cprobe
