#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <vector>

#include "cprobe/circuit/component_inputs.h"
#include "cprobe/circuit/mask.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// Groups the multipliers of matrices into masks of the components that the matrices belong to.
/// @param multipliers  one per matrix, on any device; undefined: the matrix is not masked.
std::map<ComponentRef, ComponentMask> component_masks(const Model& model, const std::vector<MatrixInfo>& matrices,
                                                      const std::vector<at::Tensor>& multipliers);

/// One or several components of a model that are masked together. A mask over the components holds
/// the matrices of all, component by component. Refers to `model`, which must outlive this object.
class MaskedComponents {
 public:
  /// @param components  at least one, in the model's order.
  MaskedComponents(const Model& model, std::vector<ComponentRef> components, MaskUnit unit);

  const Model& model() const { return model_; }
  MaskUnit unit() const { return unit_; }
  const std::vector<ComponentRef>& components() const { return components_; }
  const std::vector<MatrixInfo>& matrices() const { return matrices_; }
  std::vector<at::Tensor> weights() const;  ///< Weight of each matrix, [n_in, n_out].
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
  kUpdate,  ///< What the component adds to the stream. For a single component only.
  kState,   ///< The stream after the last component.
};

/// Shows a reader, such as a classifier, masked components at some tokens. Everything before the
/// first component is computed once, at construction. The update of a single component is computed
/// the fast way of ComponentInputs. Refers to the components and to `trie`, which must outlive the
/// view.
class MaskedView {
 public:
  /// @param nodes  [n_rows] int64, repeats allowed.
  /// @throws Error (kFailed) if the update of several components is asked for.
  MaskedView(const MaskedComponents& masked, const TokenTrie& trie, at::Tensor nodes, Seen what);

  /// @param multipliers  one per matrix. The result is differentiable in the multipliers.
  /// @param which        [n] int64: numbers of tokens. Undefined: all; states (Seen::kState) are
  ///                     then without gradients.
  /// @return             [n, d_model] float32, on the CPU.
  at::Tensor seen(const std::vector<at::Tensor>& multipliers, const at::Tensor& which = {}) const;

 private:
  const MaskedComponents& masked_;
  const TokenTrie& trie_;
  at::Tensor nodes_;
  std::optional<ComponentInputs> component_;  ///< Seen::kUpdate.
  Stream before_;                             ///< Seen::kState: stream before the first component.
};

}  // namespace cprobe
