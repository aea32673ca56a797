#pragma once

#include <torch/types.h>

#include <string_view>
#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/circuit/masked_view.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"

namespace cprobe {

/// Which components before a site are masked, and what a classifier sees of them.
enum class SubnetworkScope {
  kComponent,  ///< The last one; its update.
  kModel,      ///< All; the state at the site.
};

std::string_view to_string(SubnetworkScope scope);  ///< "component" or "model".

Seen seen_in(SubnetworkScope scope);  ///< What the classifier sees.
/// The components that are masked. @throws Error (kInput) if there is no component before the site.
MaskedComponents masked_before(const Model& model, SubnetworkScope scope, Site site, MaskUnit unit);

/// Settings of subnetwork probing. Cao et al. 2021, "Low-Complexity Probing via Finding Subnetworks", and their code give
/// the masks' learning rate, start and L0 weight and the schedules of both; the rest, which they chose for sentences and
/// BERT, is ours.
struct SubnetworkOptions {
  SubnetworkScope scope = SubnetworkScope::kComponent;
  MaskKind method = MaskKind::kHardConcrete;
  double mask_option = 5.0 / 6;  ///< Of the method (circuit/mask.h).
  MaskUnit unit = MaskUnit::kNeuron;
  int64_t epochs = 90;         ///< Passes over the training tokens, >= 1.
  int64_t batch_size = 500;    ///< Tokens per step, >= 1; at most all. An incomplete last batch is dropped.
  double learning_rate = 0.2;  ///< Adam, of the masks, > 0; rises from 0 during the first tenth of the steps.
  double classifier_learning_rate = 0.01;  ///< Likewise, of the classifier, > 0.
  /// Of the share of weights that the relaxed mask keeps, >= 0: 0 during the first quarter of the steps, so much during
  /// the last, rising between.
  double l0_weight = 1.0;
  double max_temperature = 200;  ///< Of methods with a temperature, >= 1, as FitOptions.
  int64_t random_controls = 5;   ///< Random subnetworks of the same size that are removed for comparison, >= 0.
};

/// A mask and a linear classifier.
struct MaskedClassifier {
  Mask mask;
  Linear linear;  ///< [d_model, n_classes].
};

/// Cross-entropy of the classifier on what it sees, + l0_weight * share of weights kept: scalar, differentiable in the
/// mask's and the classifier's parameters.
/// @param outputs [n] int64 in [0, n_classes): the right outputs of the tokens `which`.
at::Tensor subnetwork_loss(const MaskedView& view, const MaskedClassifier& classifier, const MaskMethod& method,
                           const std::vector<at::Tensor>& multipliers, const at::Tensor& outputs,
                           const at::Tensor& which, double l0_weight);

/// Trains both together. @param outputs [n_rows] int64 in [0, n_classes).
/// @throws Error (kFailed) if the loss is no number, (kInterrupted) between steps once a stop is requested.
MaskedClassifier train_subnetwork(const MaskedComponents& masked, const MaskedView& view, const at::Tensor& outputs,
                                  int64_t n_classes, const SubnetworkOptions& options, Seed seed,
                                  const OnProgress& on_progress = {});

}  // namespace cprobe
