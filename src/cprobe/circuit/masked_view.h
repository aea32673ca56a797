#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <vector>

#include "cprobe/circuit/component_inputs.h"
#include "cprobe/circuit/mask.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// Multipliers of matrices, one for each, as masks of the components that the matrices belong to.
/// @param multipliers on any device; undefined: the matrix is not masked.
std::map<ComponentRef, ComponentMask> component_masks(const Model& model, const std::vector<MatrixInfo>& matrices,
                                                      const std::vector<at::Tensor>& multipliers);

/// The components of a model that are masked together, one or several. A mask over them holds the
/// matrices of all, component by component. Refers to `model`, which must outlive it.
class MaskedComponents {
 public:
  /// @param components at least one, in the model's order.
  MaskedComponents(const Model& model, std::vector<ComponentRef> components, MaskUnit unit);

  const Model& model() const { return model_; }
  MaskUnit unit() const { return unit_; }
  const std::vector<ComponentRef>& components() const { return components_; }
  const std::vector<MatrixInfo>& matrices() const { return matrices_; }
  std::vector<at::Tensor> weights() const;  ///< Of the matrices, [n_in, n_out] each.
  Site from() const { return Site::before(components_.front()); }
  Site to() const { return Site::after(components_.back()); }

 private:
  const Model& model_;
  std::vector<ComponentRef> components_;
  MaskUnit unit_;
  std::vector<MatrixInfo> matrices_;
};

/// What a reader sees of masked components.
enum class Seen {
  kUpdate,  ///< What the component adds to the stream; of a single component only.
  kState,   ///< The stream behind the last component.
};

/// What a reader, such as a classifier, sees of masked components at some tokens. Everything before the
/// first component is computed once, at construction. The update of a single component takes the fast
/// way of ComponentInputs. Refers to the components and to `trie`, which must outlive it.
class MaskedView {
 public:
  /// @param nodes [n_rows] int64, repeats allowed.
  /// @throws Error (kFailed) for the update of several components.
  MaskedView(const MaskedComponents& masked, const TokenTrie& trie, at::Tensor nodes, Seen what);

  /// @param multipliers one per matrix; differentiable in them.
  /// @param which       [n] int64 numbers of tokens; undefined: all, and states are then without gradients.
  /// @return            [n, d_model] float32 on the CPU.
  at::Tensor seen(const std::vector<at::Tensor>& multipliers, const at::Tensor& which = {}) const;

 private:
  const MaskedComponents& masked_;
  const TokenTrie& trie_;
  at::Tensor nodes_;
  std::optional<ComponentInputs> component_;  ///< For updates.
  Stream before_;                             ///< For states: the stream before the first component.
};

}  // namespace cprobe
