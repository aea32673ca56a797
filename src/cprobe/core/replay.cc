#include "cprobe/core/replay.h"

#include <ATen/CPUGeneratorImpl.h>

#include <bit>
#include <limits>
#include <mutex>
#include <numeric>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// Draws as `int(torch.empty((), dtype=torch.int64).random_())` does: 63 bits.
uint64_t draw_seed(at::Generator& generator) {
  return static_cast<uint64_t>(at::empty({}, at::kLong).random_(generator).item<int64_t>());
}

}  // namespace

TorchReplay::TorchReplay(uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

void TorchReplay::manual_seed(uint64_t seed) {
  const std::lock_guard<std::mutex> lock(generator_.mutex());
  generator_.set_current_seed(seed);
}

at::Tensor TorchReplay::loader_pass(int64_t n, bool shuffle) {
  draw_seed(generator_);  // PyTorch draws a base seed for worker processes, even without workers.
  if (!shuffle) return at::arange(n, at::kLong);
  const at::Generator sampler = at::detail::createCPUGenerator(draw_seed(generator_));
  return at::randperm(n, sampler, at::kLong);
}

std::vector<at::Tensor> torch_random_split(const std::vector<int64_t>& lengths, uint64_t seed) {
  for (const int64_t length : lengths) {
    if (length < 0) throw input_error("a split cannot have {} rows", length);
  }
  const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  const at::Tensor order = at::randperm(total, at::detail::createCPUGenerator(seed), at::kLong);
  return order.split_with_sizes(lengths);
}

NumpyReplay::NumpyReplay(uint32_t seed) : engine_(seed) {}

std::vector<int64_t> NumpyReplay::choice(int64_t n, int64_t size) {
  // For more, numpy draws 64 bits a row.
  constexpr int64_t kMostRows = std::numeric_limits<uint32_t>::max();
  if (size < 0 || size > n || n > kMostRows) {
    throw input_error("cannot choose {} distinct numbers out of {} (at most {})", size, n, kMostRows);
  }
  // numpy shuffles all n numbers from the back and takes the first `size`. Each index is made of as
  // many low bits of a draw as the largest index needs; a draw that is too large is repeated.
  std::vector<int64_t> numbers(static_cast<size_t>(n));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  for (size_t i = numbers.size(); i-- > 1;) {
    const uint64_t mask = std::bit_ceil(uint64_t{i} + 1) - 1;
    uint64_t j = engine_() & mask;
    while (j > i) j = engine_() & mask;
    std::swap(numbers[i], numbers[j]);
  }
  numbers.resize(static_cast<size_t>(size));
  return numbers;
}

}  // namespace cprobe
