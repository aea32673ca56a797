#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/component_inputs.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// Which components before a site are masked, and what a classifier sees of them.
enum class SubnetworkScope {
  kComponent,  ///< The last one; its update.
  kModel,      ///< All; the state at the site.
};

std::string_view to_string(SubnetworkScope scope);  ///< "component" or "model".

/// The part of a model that is masked. Masks over it hold the matrices of all its components, in the model's order.
/// Refers to `model`, which must outlive it.
class MaskedPart {
 public:
  /// @throws Error (kInput) if there is no component before the site.
  MaskedPart(const Model& model, SubnetworkScope scope, Site site, MaskUnit unit);

  const Model& model() const { return model_; }
  SubnetworkScope scope() const { return scope_; }
  MaskUnit unit() const { return unit_; }
  Site from() const { return from_; }  ///< Where it begins.
  Site to() const { return to_; }      ///< The site.
  std::vector<MatrixInfo> matrices() const;
  std::vector<at::Tensor> weights() const;  ///< Of the matrices, [n_in, n_out] each.
  /// Multipliers of the matrices as masks of the model.
  std::map<ComponentRef, ComponentMask> masks(const std::vector<at::Tensor>& multipliers) const;

 private:
  const Model& model_;
  SubnetworkScope scope_;
  MaskUnit unit_;
  Site from_, to_;
};

/// What a classifier sees of a masked part at some tokens. Everything before the part is computed once. Refers to the
/// part and to `trie`, which must outlive it.
class MaskedView {
 public:
  /// @param nodes [n_rows] int64, repeats allowed.
  MaskedView(const MaskedPart& part, const TokenTrie& trie, at::Tensor nodes);

  /// Updates or states, by the part's scope.
  /// @param multipliers one per matrix of the part; differentiable in them.
  /// @param which       [n] int64 numbers of tokens; undefined: all, without gradients where all components are masked.
  /// @return            [n, d_model] float32.
  at::Tensor seen(const std::vector<at::Tensor>& multipliers, const at::Tensor& which = {}) const;

 private:
  const MaskedPart& part_;
  const TokenTrie& trie_;
  at::Tensor nodes_;
  std::optional<ComponentInputs> component_;  ///< Of one masked component.
  Stream before_;                             ///< In place of it, where all are masked.
};

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
MaskedClassifier train_subnetwork(const MaskedPart& part, const MaskedView& view, const at::Tensor& outputs,
                                  int64_t n_classes, const SubnetworkOptions& options, Seed seed,
                                  const OnProgress& on_progress = {});

}  // namespace cprobe
