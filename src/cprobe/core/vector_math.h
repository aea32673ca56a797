#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace cprobe {

// Functions without branches, inlined into the loops that call them, so that each clone of a loop
// (core/vector_clones.h) takes as many numbers at once as its vectors hold.

/// e^x for x <= 0, within two units of float32's last place: 2^n e^r with n whole and |r| <= ln 2 /
/// 2, and a Taylor series of e^r up to r^7. Below x = -87, 0.
[[gnu::always_inline]] inline float exp_of_negative(float given) {
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // Their sum is ln 2.
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it drops what is behind the point.
  const float x = std::max(given, -87.0f);
  const float n = (x * kLog2E + kRounder) - kRounder;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float e = 1.0f / 5040;
  e = e * r + 1.0f / 720;
  e = e * r + 1.0f / 120;
  e = e * r + 1.0f / 24;
  e = e * r + 1.0f / 6;
  e = e * r + 1.0f / 2;
  e = e * r + 1.0f;
  e = e * r + 1.0f;
  return given < -87.0f ? 0.0f : e * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

/// 1 / (1 + e^-x).
[[gnu::always_inline]] inline float sigmoid(float x) {
  const float e = exp_of_negative(-std::abs(x));
  return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

}  // namespace cprobe
