#pragma once

#include <torch/types.h>

#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/model/component.h"

namespace cprobe {

/// The constants of masking one component at some tokens. Everything before the component is fixed
/// while a mask is trained, so the model runs once, here; with neuron masks even x W of the
/// matrices that read the stream is constant. All other steps are those of model/component.h.
///
/// For attention with neuron masks neither masked keys nor masked values are ever formed: with
/// k_j = (x_j W_k) m_k + b_k the scores are ((q m_k) . (x_j W_k)) plus a term that does not depend
/// on j and that softmax cancels, and the weighted values are (sum_j p_j x_j W_v) m_v + b_v because
/// the p_j sum to 1. Where scores are not plain (`has_plain_scores`), the masked keys of a batch
/// are formed: rotary embeddings turn each key by its position after the mask, and under a soft cap
/// nothing cancels.
///
/// Memory: the inputs of the component at the tokens and their ancestors (weight unit), or their
/// projections (neuron unit).
class ComponentInputs {
 public:
  /// @param before  the stream before the component, at `nodes` and (attention) their ancestors.
  /// @param nodes   [n_labelled] int64, repeats allowed.
  /// @throws Error (kFailed) if `before` lacks one of these nodes.
  ComponentInputs(const Model& model, const ComponentRef& component, MaskUnit unit, const TokenTrie& trie,
                  const Stream& before, const at::Tensor& nodes);

  int64_t n_labelled() const { return query_rows_.size(0); }
  const std::vector<MatrixInfo>& matrices() const { return matrices_; }
  MaskUnit unit() const { return unit_; }
  std::vector<at::Tensor> weights() const;  ///< Weight of each matrix, [n_in, n_out].

  /// What the component adds to the stream at some labelled tokens. Differentiable in the
  /// multipliers.
  /// @param multipliers  one per matrix, on any device: [n_out] (unit neuron) or [n_in, n_out]
  ///                     (unit weight) float32.
  /// @param which        [n] int64: numbers of labelled tokens; undefined: all.
  /// @return             [n, d_model] float32.
  /// @throws Error (kFailed) if there is not one multiplier per matrix.
  at::Tensor updates(std::vector<at::Tensor> multipliers, const at::Tensor& which = {}) const;

  /// Multipliers that mask nothing.
  std::vector<at::Tensor> ones() const;

 private:
  at::Tensor attention(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const;
  at::Tensor joined_weight_masked(const std::vector<at::Tensor>& multipliers, const at::Tensor& rows) const;

  Component component_;
  MaskUnit unit_;
  std::vector<MatrixInfo> matrices_;
  /// Unit weight: rows of the stream after the norm. Unit neuron, MLP: the projections of these
  /// rows without bias. Unit neuron, attention: undefined.
  at::Tensor inputs_;
  at::Tensor joined_bias_;  ///< Unit neuron: biases of the input matrices, joined.
  /// Unit neuron, attention: projections without bias. q has rows for labelled tokens only.
  Projections projections_;
  /// [n_labelled] int64, on the CPU as all indices: each labelled token's row of `inputs_` or
  /// `projections_.q`.
  at::Tensor query_rows_;
  /// Attention: paths of the labelled tokens, over rows of `inputs_` or `projections_`.
  AttentionPaths paths_;
};

}  // namespace cprobe
