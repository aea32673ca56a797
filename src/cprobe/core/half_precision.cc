#include "cprobe/core/half_precision.h"

#include <ATen/Parallel.h>

#include "cprobe/core/error.h"
#include "cprobe/core/vector_clones.h"

namespace cprobe {
namespace {

CPROBE_VECTOR_CLONES
void widen_bfloat16(const uint16_t* from, int64_t n, uint32_t* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = uint32_t{from[i]} << 16;
}

/// By integers and one exact subtraction, as threads may take denormal float32 numbers for 0
/// (`set_threads`).
CPROBE_VECTOR_CLONES
void widen_float16(const uint16_t* from, int64_t n, float* to) {
  constexpr uint32_t kRebias = (127 - 15) << 23;  // the difference of the exponents' biases
  constexpr float kSmallestNormal = 0x1p-14F;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t magnitude = (from[i] & 0x7FFFU) << 13;
    const uint32_t sign = (from[i] & 0x8000U) << 16;
    // A denormal: its fraction behind the exponent of the smallest normal number, less that number.
    const float denormal = std::bit_cast<float>(magnitude + kRebias + (1U << 23)) - kSmallestNormal;
    const uint32_t normal = magnitude + kRebias + (magnitude >= 0x0F800000U ? kRebias : 0);  // infinity and NaN, too
    to[i] = std::bit_cast<float>(sign | (magnitude < 0x00800000U ? std::bit_cast<uint32_t>(denormal) : normal));
  }
}

}  // namespace

void widen(const void* from, at::ScalarType dtype, int64_t n, float* to) {
  const auto* halves = static_cast<const uint16_t*>(from);
  if (dtype == at::kBFloat16) {
    widen_bfloat16(halves, n, reinterpret_cast<uint32_t*>(to));
  } else if (dtype == at::kHalf) {
    widen_float16(halves, n, to);
  } else {
    throw failure("cannot widen numbers of dtype {}", at::toString(dtype));
  }
}

at::Tensor widened(const at::Tensor& x) {
  if (!is_half(x.scalar_type())) return x;
  if (!x.device().is_cpu() || !x.is_non_overlapping_and_dense()) return x.to(at::kFloat);
  at::Tensor wide = at::empty_like(x, x.options().dtype(at::kFloat), at::MemoryFormat::Preserve);
  const auto* from = static_cast<const uint16_t*>(x.data_ptr());
  float* to = wide.data_ptr<float>();
  at::parallel_for(0, x.numel(), 1 << 15,
                   [&](int64_t begin, int64_t end) { widen(from + begin, x.scalar_type(), end - begin, to + begin); });
  return wide;
}

}  // namespace cprobe
