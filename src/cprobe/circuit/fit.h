#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "cprobe/circuit/component_inputs.h"
#include "cprobe/circuit/mask.h"
#include "cprobe/core/progress.h"

namespace cprobe {

/// Settings of mask training. The defaults are the paper's for arithmetic models (Lepori et al.
/// 2024, appendix).
struct FitOptions {
  int64_t epochs = 90;  ///< Passes over the labelled tokens, >= 0. 0 keeps the initial mask.
  /// Labelled tokens per step, >= 2. An incomplete last batch is dropped.
  int64_t batch_size = 500;
  double learning_rate = 1e-3;  ///< AdamW, > 0.
  double weight_decay = 0.01;   ///< AdamW, on the mask parameters, >= 0.
  /// lambda, >= 0: weight of the relaxed number of weights. For GPT-2 small use 1e-7, for GPT-2
  /// medium 1e-8.
  double l0_weight = 1e-6;
  /// Temperature after the last epoch, >= 1. The temperature starts at 1 and grows by the same
  /// factor every epoch.
  double max_temperature = 200.0;
};

/// One epoch of training.
struct EpochRecord {
  double loss = 0;         ///< Mean over batches of objective + l0_weight * relaxed size.
  double objective = 0;    ///< Mean over batches of the soft nearest neighbours loss.
  double l0_term = 0;      ///< Mean over batches of l0_weight * relaxed size.
  double temperature = 1;  ///< Temperature during the epoch.
  int64_t n_kept = 0;      ///< Units kept by the hard mask after the epoch.

  friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};

struct FitResult {
  Mask mask;
  std::vector<EpochRecord> curve;  ///< One record per epoch.
};

/// Called once per epoch. @return the epoch's order: a permutation of 0..n-1, [n] int64.
using NextOrder = std::function<at::Tensor(int64_t n)>;

/// Trains a mask on one component so that the component's updates partition the labelled tokens by
/// their labels. If the method trains nothing, the result is its initial mask, with an empty curve.
/// @param labels  [n_labelled] int64: labels of the tokens of `inputs`.
/// @param noise   random numbers for methods that draw (hard concrete); may be undefined for other
///                methods.
/// @throws Error
///   - (kInput) if an option is out of range, or a batch is larger than the data;
///   - (kFailed) if the loss becomes NaN or infinite;
///   - (kInterrupted) between steps once a stop is requested.
FitResult fit(const ComponentInputs& inputs, const at::Tensor& labels, const MaskMethod& method,
              const FitOptions& options, const NextOrder& next_order, const at::Generator& noise = {},
              const OnProgress& on_progress = {});

/// Mean over batches, in the given order, of the objective without the L0 term. The paper reports
/// this figure for the hard mask.
/// @param order      [n] int64.
/// @param drop_last  whether to leave out an incomplete last batch.
double mean_objective(const ComponentInputs& inputs, const at::Tensor& labels,
                      const std::vector<at::Tensor>& multipliers, const at::Tensor& order, int64_t batch_size,
                      bool drop_last);

}  // namespace cprobe
