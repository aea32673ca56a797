#include "cprobe/model/weight_digest.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "cprobe/core/half_precision.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/vector_clones.h"

namespace cprobe {
namespace {

/// Numbers that are widened at once: few enough for a core's first cache.
constexpr int64_t kBlock = 4096;

/// Whether no number has the exponent of infinity and NaN.
CPROBE_VECTOR_CLONES
bool all_finite(const uint32_t* numbers, int64_t n) {
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t n_bad = 0;
#pragma omp simd reduction(+ : n_bad)
  for (int64_t i = 0; i < n; ++i) n_bad += (numbers[i] & kExponent) == kExponent ? 1U : 0U;
  return n_bad == 0;
}

WeightDigest digest_of(const at::Tensor& weight) {
  const at::NoGradGuard no_gradients;  // the gradient mode is per thread
  const at::Tensor stored = weight.detach().cpu().contiguous();
  const bool is_narrow = is_half(stored.scalar_type());
  const at::Tensor numbers = is_narrow ? stored : stored.to(at::kFloat);
  const auto* bytes = static_cast<const char*>(numbers.data_ptr());
  std::vector<float> wide(is_narrow ? kBlock : 0);
  HashInParts hash;
  WeightDigest digest;
  for (int64_t begin = 0; begin < numbers.numel(); begin += kBlock) {
    const int64_t n = std::min(kBlock, numbers.numel() - begin);
    const char* block = bytes + begin * static_cast<int64_t>(numbers.element_size());
    if (is_narrow) {
      widen(block, stored.scalar_type(), n, wide.data());
      block = reinterpret_cast<const char*>(wide.data());
    }
    digest.is_finite = digest.is_finite && all_finite(reinterpret_cast<const uint32_t*>(block), n);
    hash.add(block, static_cast<size_t>(n) * sizeof(float));
  }
  digest.hash = hash.hash();
  return digest;
}

}  // namespace

std::vector<WeightDigest> weight_digests(const std::vector<at::Tensor>& weights) {
  std::vector<WeightDigest> digests(weights.size());
  std::atomic<size_t> next = 0;
  // One at a time, as weights differ in size.
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t, int64_t) {
    for (size_t i = next++; i < weights.size(); i = next++) digests[i] = digest_of(weights[i]);
  });
  return digests;
}

}  // namespace cprobe
