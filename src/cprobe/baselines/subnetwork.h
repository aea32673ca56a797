#pragma once

#include <torch/types.h>

#include <string_view>
#include <vector>

#include "cprobe/baselines/baseline.h"
#include "cprobe/circuit/mask.h"
#include "cprobe/circuit/masked_view.h"
#include "cprobe/core/seed.h"

namespace cprobe {

/// Which components before a site are masked, and what a classifier sees of them.
enum class SubnetworkScope {
  kComponent,  ///< Masks the last component. The classifier sees its update.
  kModel,      ///< Masks all components. The classifier sees the state at the site.
};

std::string_view to_string(SubnetworkScope scope);  ///< "component" or "model".

Seen seen_in(SubnetworkScope scope);  ///< What the classifier sees.
/// The components before `site` that are masked.
/// @throws Error (kInput) if there is no component before the site.
MaskedComponents masked_before(const Model& model, SubnetworkScope scope, Site site, MaskUnit unit);

/// Settings of subnetwork probing. From Cao et al. 2021, "Low-Complexity Probing via Finding
/// Subnetworks", and their code: the masks' learning rate, start and L0 weight, and the schedules
/// of learning rate and L0 weight. The other defaults are ours, because those of Cao et al. fit
/// sentences and BERT.
struct SubnetworkOptions {
  SubnetworkScope scope = SubnetworkScope::kComponent;
  MaskKind method = MaskKind::kHardConcrete;
  double mask_option = 5.0 / 6;  ///< The option of `method` (circuit/mask.h).
  MaskUnit unit = MaskUnit::kNeuron;
  int64_t epochs = 90;  ///< Passes over the training tokens, >= 1.
  /// Tokens per step, >= 1; lowered to the number of tokens if there are fewer. An incomplete last
  /// batch is dropped.
  int64_t batch_size = 500;
  /// Adam's, for the masks, > 0. Rises from 0 during the first tenth of the steps.
  double learning_rate = 0.2;
  double classifier_learning_rate = 0.01;  ///< Adam's, for the classifier, > 0; rises likewise.
  /// Weight, in the loss, of the share of weights that the relaxed mask keeps, >= 0. Is 0 during
  /// the first quarter of the steps, rises, and has this value during the last quarter.
  double l0_weight = 1.0;
  double max_temperature = 200;  ///< >= 1, as FitOptions, for methods with a temperature.
  int64_t random_controls = 5;   ///< Random subnetworks of the same size to ablate, >= 0.
};

struct MaskedClassifier {
  Mask mask;
  Linear linear;  ///< [d_model, n_classes].
};

/// Cross-entropy of the classifier, plus l0_weight times the share of weights that the relaxed mask
/// keeps.
/// @param multipliers  of `classifier.mask`.
/// @param outputs      [n] int64 in [0, n_classes): the right output for each token of `which`.
/// @param which        [n] int64, as MaskedView::seen.
/// @return             scalar, differentiable in the multipliers and the classifier's parameters.
at::Tensor subnetwork_loss(const MaskedView& view, const MaskedClassifier& classifier, const MaskMethod& method,
                           const std::vector<at::Tensor>& multipliers, const at::Tensor& outputs,
                           const at::Tensor& which, double l0_weight);

/// Trains a mask and a classifier together.
/// @param outputs  [n_rows] int64 in [0, n_classes): the right output for each token of `view`.
/// @throws Error
///   - (kFailed) if the loss is no number;
///   - (kInterrupted) between steps once a stop is requested.
MaskedClassifier train_subnetwork(const MaskedComponents& masked, const MaskedView& view, const at::Tensor& outputs,
                                  int64_t n_classes, const SubnetworkOptions& options, Seed seed,
                                  const OnProgress& on_progress = {});

/// Subnetwork probing (Cao et al. 2021) asks whether a linear classifier can read the variable from
/// the output of a subnetwork. Trains a mask and the classifier together, then makes the mask hard.
/// Reports the classifier's accuracy, and
///   - the accuracy of always answering the majority class;
///   - the accuracy with shuffled labels, which a probe can only learn by heart (the control task);
///   - the share of weights kept;
///   - the task accuracy of the model without the kept weights, beside that of the model without
///     random subnetworks of the same size;
///   - with null variables, `type_accuracy` on each data set that has the variable, beside probes
///     of null variables: same options and streams.
std::unique_ptr<BaselineMethod> make_subnetwork_probe(const SubnetworkOptions& options);

/// Reads SubnetworkOptions from a spec (docs/file_formats.md).
/// @param map  the method's map; nullptr: the defaults.
/// @throws Error (kInput) with file, line and column.
SubnetworkOptions read_subnetwork_options(const Document* map);

}  // namespace cprobe
