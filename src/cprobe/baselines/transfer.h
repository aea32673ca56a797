#pragma once

#include <cstdint>
#include <memory>

#include "cprobe/baselines/baseline.h"

namespace cprobe {

struct TransferOptions {
  int64_t steps = 500;        ///< Most optimiser steps, each over all training rows; >= 1.
  int64_t area_steps = 100;   ///< Steps over which test accuracy is averaged; in [1, steps].
  double threshold = 0.9;     ///< Test accuracy that counts as learned, in (0, 1].
  int64_t scratch_seeds = 3;  ///< Fresh models to compare with; >= 1.
};

/// Transfer learning (Lepori et al. 2024, section 4): trains the finished model on the variable's
/// values alone, as the next token after each row, by the recipe of `train`. A model that already
/// computes the variable learns the values in a few steps. Models with fresh weights show how many
/// steps learning takes otherwise.
///
/// Metrics, each also for the control "from scratch" (mean, sd and number of seeds):
/// - `steps_to_accuracy`: steps until test accuracy reaches `threshold`. If this never happens:
///   `steps`, and the note says so.
/// - `learning_curve_area`: mean test accuracy after steps 1 to `area_steps`.
///
/// Looks at whole rows, not at a site or a position. Memory as `train_in_memory`.
/// @throws Error (kInput) from `run` if a value of the variable is no token of the model.
std::unique_ptr<BaselineMethod> make_transfer(const TransferOptions& options);

/// Reads the keys of TransferOptions from a spec.
/// @param map  the method's map; nullptr: the defaults.
/// @throws Error (kInput) with file, line and column.
TransferOptions read_transfer_options(const Document* map);

}  // namespace cprobe
