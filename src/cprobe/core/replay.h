#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <random>
#include <vector>

namespace cprobe {

/// Replays, for protocol `paper`, the draws that the reference implementation makes through
/// PyTorch. Stands for torch's default CPU generator after `torch.manual_seed(seed)`. Checked
/// against draws recorded from PyTorch 2.0.
class TorchReplay {
 public:
  explicit TorchReplay(uint64_t seed);

  /// Starts again, as a new TorchReplay(seed) would.
  void manual_seed(uint64_t seed);

  /// One pass over a DataLoader: draws its base seed and, if shuffled, the sampler's seed.
  /// @param n  rows of the data set.
  /// @return   order of the rows, [n] int64; ascending if not shuffled.
  at::Tensor loader_pass(int64_t n, bool shuffle);

  /// The default generator itself, for draws other than a loader's.
  at::Generator& generator() { return generator_; }

 private:
  at::Generator generator_;
};

/// Replays `torch.utils.data.random_split` of `range(sum(lengths))` with a generator seeded `seed`.
/// @return  for each length the rows of that part, [length] int64.
/// @throws Error (kInput) if a length is negative.
std::vector<at::Tensor> torch_random_split(const std::vector<int64_t>& lengths, uint64_t seed);

/// Replays `numpy.random.seed(seed)` followed by
/// `numpy.random.choice(list(range(n)), size, replace=False)`.
class NumpyReplay {
 public:
  explicit NumpyReplay(uint32_t seed);

  /// @return `size` distinct numbers below n, in the order drawn. A later call continues the draws.
  /// @throws Error (kInput) if size is negative or over n, or n over 2^32 - 1.
  std::vector<int64_t> choice(int64_t n, int64_t size);

 private:
  std::mt19937 engine_;
};

}  // namespace cprobe
