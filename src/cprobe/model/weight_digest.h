#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace cprobe {

/// What one pass over a weight tells.
struct WeightDigest {
  uint64_t hash = 0;  ///< Of the numbers as float32, in the order of the tensor's indices.
  bool is_finite = true;
};

/// Digests of tensors of any dtype and device, several at a time. Equal numbers have equal digests,
/// whether they are float32, bfloat16 or float16. Needs no memory to speak of for CPU tensors of
/// these dtypes that are contiguous.
std::vector<WeightDigest> weight_digests(const std::vector<at::Tensor>& weights);

}  // namespace cprobe
