#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <random>
#include <vector>

namespace cprobe {

/// Replays the draws that the reference implementation makes through PyTorch, for protocol `paper`. Stands for torch's
/// default CPU generator after `torch.manual_seed(seed)`. Checked against draws recorded from PyTorch 2.0.
class TorchReplay {
 public:
  explicit TorchReplay(uint64_t seed);

  /// Starts again, as a new TorchReplay(seed) would.
  void manual_seed(uint64_t seed);

  /// One pass over a DataLoader: draws its base seed and, when shuffled, the sampler's seed.
  /// @param n      rows of the data set.
  /// @return       the rows' order, [n] int64: ascending, or shuffled.
  at::Tensor loader_pass(int64_t n, bool shuffle);

  /// The default generator itself, for draws other than a loader's.
  at::Generator& generator() { return generator_; }

 private:
  at::Generator generator_;
};

/// `torch.utils.data.random_split` over `range(sum(lengths))` with its own generator seeded `seed`.
/// @return one [length] int64 list of rows for each length. @throws Error (kInput) if a length is negative.
std::vector<at::Tensor> torch_random_split(const std::vector<int64_t>& lengths, uint64_t seed);

/// Replays `numpy.random.seed(seed)` followed by `numpy.random.choice(list(range(n)), size, replace=False)`.
class NumpyReplay {
 public:
  explicit NumpyReplay(uint32_t seed);

  /// @return `size` distinct numbers below n, in the order drawn; successive calls draw on.
  /// @throws Error (kInput) if size is negative or over n, or n over 2^32 - 1.
  std::vector<int64_t> choice(int64_t n, int64_t size);

 private:
  std::mt19937 engine_;
};

}  // namespace cprobe
