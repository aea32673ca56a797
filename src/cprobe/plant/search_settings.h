#pragma once

#include <cstdint>

namespace cprobe {

/// Settings of mask training by hard concrete that find the units of planted models
/// (docs/benchmark.md): masks that start open, a high learning rate, and few steps.
struct PlantedSearch {
  double keep_probability = 0.9;
  double learning_rate = 0.1;
  double l0_weight = 1e-5;
  int64_t batch_size = 0;
  int64_t epochs = 0;
};

/// 120 steps, on batches of a half or a quarter of the rows: the loss takes time with the square of
/// a batch.
inline PlantedSearch planted_search(int64_t n_train) {
  const int64_t n_batches = n_train > 300 ? 4 : 2;
  return {.batch_size = n_train / n_batches, .epochs = 120 / n_batches};
}

}  // namespace cprobe
