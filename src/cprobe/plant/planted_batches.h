#pragma once

#include <cstdint>

#include "cprobe/circuit/fit.h"

namespace cprobe {

/// Batches in which masks are trained on planted rows, and how many times: as many steps as a
/// method's default epochs take with four batches.
struct PlantedBatches {
  int64_t size = 0;
  int64_t epochs = 0;
};

/// @param n_train  rows. Of few, a batch is a half, because pairs of operands come twice at most.
inline PlantedBatches planted_batches(int64_t n_train, MaskKind method) {
  const int64_t n_batches = n_train > 300 ? 4 : 2;
  return {.size = n_train / n_batches, .epochs = default_fit(method).epochs * 4 / n_batches};
}

}  // namespace cprobe
