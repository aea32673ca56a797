#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cprobe/circuit/component_inputs.h"
#include "cprobe/circuit/mask.h"
#include "cprobe/core/progress.h"

namespace cprobe {

/// Settings of mask training. The defaults are those of the paper (Lepori et al. 2024, appendix)
/// for arithmetic models; `default_fit` has those of each mask method.
///
/// The loss is objective + l0_weight * relaxed size:
///   - The objective is the soft nearest neighbours loss, which is low if tokens with the same
///     label get similar updates. An update is what the component adds to the residual stream.
///   - The relaxed size (the L0 term) is a differentiable count of the weights that the mask keeps.
struct FitOptions {
  /// Passes over the labelled tokens for each L0 weight, >= 0. 0 returns the initial mask.
  int64_t epochs = 90;
  /// Labelled tokens per step, >= 2. An incomplete last batch is dropped.
  int64_t batch_size = 500;
  double learning_rate = 1e-3;  ///< AdamW, > 0.
  double weight_decay = 0.01;   ///< AdamW, on the mask parameters, >= 0.
  /// Weights of the relaxed size, each >= 0, ascending; the paper's lambda. The paper uses 1e-7 for
  /// GPT-2 small and 1e-8 for GPT-2 medium. Several are a path: a mask is trained for `epochs`
  /// epochs at the first weight, and goes on from there at each of the others. None: those of
  /// `auto_l0_weights`.
  std::vector<double> l0_weights = {1e-6};
  /// Temperature that training approaches, >= 1. Of each L0 weight's n epochs, epoch e, counted
  /// from 0, runs at temperature max_temperature^(e / n), so the first runs at 1.
  double max_temperature = 200.0;
};

/// The settings with a method's TrainingDefaults.
FitOptions default_fit(MaskKind kind);

/// Passes over the labelled tokens at all L0 weights.
int64_t n_epochs(const FitOptions& options);

/// The path of L0 weights for a component of any size: those at which keeping all of its weights
/// adds .15, .5 and 1.5 to the loss.
std::vector<double> auto_l0_weights(int64_t n_weights);

/// "auto", or the weights with commas between.
std::string l0_weights_text(const FitOptions& options);

/// One epoch of training.
struct EpochRecord {
  double loss = 0;         ///< Mean over batches of objective + l0_weight * relaxed size.
  double objective = 0;    ///< Mean over batches of the objective.
  double l0_term = 0;      ///< Mean over batches of l0_weight * relaxed size.
  double temperature = 1;  ///< Temperature during the epoch.
  int64_t n_kept = 0;      ///< Units that the mask keeps after the epoch (MaskMethod::kept).

  friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};

struct FitResult {
  std::vector<double> l0_weights;  ///< One or more, ascending.
  std::vector<Mask> path;          ///< The mask after each L0 weight's epochs.
  std::vector<EpochRecord> curve;  ///< One record per epoch.

  const Mask& mask() const { return path.back(); }
};

/// Draws the order of the labelled tokens in an epoch. Called once per epoch.
/// @return a permutation of 0..n-1, [n] int64.
using NextOrder = std::function<at::Tensor(int64_t n)>;

/// Trains a mask on one component so that the component's updates group the labelled tokens by
/// label. If the method trains nothing, returns the method's initial mask for every L0 weight, with
/// an empty curve.
/// @param labels  [n_labelled] int64: labels of the tokens of `inputs`.
/// @param noise   random generator for methods that draw (hard concrete). May be undefined for all
///                other methods.
/// @throws Error
///   - (kInput) if an option is out of range;
///   - (kInput) if a batch is larger than the data;
///   - (kFailed) if the loss becomes NaN or infinite;
///   - (kFailed) if the method draws and `noise` is undefined;
///   - (kInterrupted) between steps once a stop is requested.
FitResult fit(const ComponentInputs& inputs, const at::Tensor& labels, const MaskMethod& method,
              const FitOptions& options, const NextOrder& next_order, const at::Generator& noise = {},
              const OnProgress& on_progress = {});

/// Trains several masks on one component as `fit` trains each, on the same batches: one mask per
/// variable. Every result equals that of `fit` up to rounding.
///
/// Parameters of all masks are one tensor. On the CPU, threads divide the masks where that keeps
/// all of them busy; on a GPU, masks share launches. For library callers: a run trains the mask of
/// each cell alone.
///
/// Memory grows with the number of masks by their parameters, multipliers and moments; by a batch's
/// arrays, for as many masks as the largest array of them has room for in 2 MB (in 256 MB on a
/// GPU).
/// @param labels  one or more, each as for `fit`.
/// @param noise   one generator per mask. May be empty for methods that do not draw.
/// @return        one result per mask, in the order of `labels`.
/// @throws Error as `fit`, and (kFailed) unless there is a mask, and a generator for each or none.
std::vector<FitResult> fit_together(const ComponentInputs& inputs, const std::vector<at::Tensor>& labels,
                                    const MaskMethod& method, const FitOptions& options, const NextOrder& next_order,
                                    const std::vector<at::Generator>& noise = {}, const OnProgress& on_progress = {});

/// Mean of the objective over batches, without the L0 term. The paper reports this figure for the
/// final mask, with multipliers of 0 and 1 only.
/// @param multipliers  as for ComponentInputs::updates.
/// @param order        [n] int64: numbers of labelled tokens. Batches are taken in this order.
/// @param drop_last    whether to leave out an incomplete last batch.
double mean_objective(const ComponentInputs& inputs, const at::Tensor& labels,
                      const std::vector<at::Tensor>& multipliers, const at::Tensor& order, int64_t batch_size,
                      bool drop_last);

}  // namespace cprobe
