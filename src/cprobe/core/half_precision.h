#pragma once

#include <torch/types.h>

namespace cprobe {

/// Whether numbers of the dtype have 16 bits: bfloat16 or float16. Each of them is a float32 number
/// too, so that widening is exact.
inline bool is_half(at::ScalarType dtype) {
  return dtype == at::kBFloat16 || dtype == at::kHalf;
}

/// Writes numbers of 16 bits as float32. On the calling thread; NaN stays NaN.
/// @param from   of dtype bfloat16 or float16.
/// @param dtype  of `from`.
void widen(const void* from, at::ScalarType dtype, int64_t n, float* to);

/// A bfloat16 or float16 tensor as float32, on its device and with its order of dimensions in
/// memory. Any other tensor as it is.
at::Tensor widened(const at::Tensor& x);

}  // namespace cprobe
