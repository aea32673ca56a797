#pragma once

#include <torch/types.h>

#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/circuit/open_units.h"
#include "cprobe/model/component.h"

namespace cprobe {

/// One component at some labelled tokens, prepared for training masks on the component. A mask
/// changes nothing before its component. The constructor therefore computes once what no mask
/// changes, and `updates` computes the rest by the steps of model/component.h. What no mask changes
/// depends on the mask unit:
///   - Unit weight: the inputs x, which are rows of the residual stream after the component's norm.
///   - Unit neuron: also the projections x W by the input matrices (all matrices but the last). A
///     neuron mask m only scales the columns of a projection: (x W) m + b.
///   - Unit head: as unit neuron, with a mask of the values' columns (`over_outputs`).
///
/// Attention with neuron masks forms no masked values, unless they are clipped. The attention
/// weights p_j of a query sum to 1, so the weighted sum of values is (sum_j p_j x_j W_v) m_v + b_v.
///
/// If the scores are plain (`has_plain_scores`), attention forms no masked keys either. With the
/// keys k_j = (x_j W_k) m_k + b_k, the score of key j is (q m_k) . (x_j W_k) + q . b_k. The last
/// term is the same for all j, so the softmax cancels that term.
///
/// If the scores are not plain, `updates` forms the masked keys of each batch. Rotary embeddings
/// rotate each masked key by the key's position. Norms, clipping and a soft cap are not linear, so
/// no term cancels.
///
/// Memory: the inputs (unit weight) or their projections (other units). An MLP needs the labelled
/// tokens only; attention also needs the ancestors of these tokens, which are all earlier tokens of
/// their rows.
class ComponentInputs {
 public:
  /// @param before  the residual stream before the component. Attention needs `nodes` and their
  ///                ancestors; an MLP needs `nodes` only.
  /// @param nodes   [n_labelled] int64: trie node of each labelled token. May repeat nodes.
  /// @throws Error (kFailed) if `before` lacks a node that the component needs; (kInput) for heads
  ///         of an MLP.
  ComponentInputs(const Model& model, const ComponentRef& component, MaskUnit unit, const TokenTrie& trie,
                  const Stream& before, const at::Tensor& nodes);

  int64_t n_labelled() const { return query_rows_.size(0); }
  const std::vector<MatrixInfo>& matrices() const { return matrices_; }
  MaskUnit unit() const { return unit_; }
  std::vector<at::Tensor> weights() const;  ///< Weight of each matrix, [n_in, n_out].

  /// What the masked component adds to the residual stream at some labelled tokens. Differentiable
  /// in the multipliers.
  /// @param multipliers  one per matrix, float32 on any device, as `unit_shape`. Those of several
  ///                     masks have a first axis [n_masks] more.
  /// @param which        [n] int64: numbers of labelled tokens, from 0. Undefined: all.
  /// @return             [n, d_model] float32; for several masks [n_masks, n, d_model].
  /// @throws Error (kFailed) if there is not one multiplier per matrix.
  at::Tensor updates(std::vector<at::Tensor> multipliers, const at::Tensor& which = {}) const;

  /// Whether `open_hidden` is possible: unit neuron, values that are not clipped, and no norm
  /// behind the last matrix.
  bool has_open_hidden() const;
  /// What the last matrix reads under several masks, without units that are equal in all rows.
  /// Differentiable in the multipliers.
  /// @param multipliers, which  as in `updates`. @pre has_open_hidden(),
  /// and the component is on the CPU.
  OpenHidden open_hidden(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const;
  const Linear& last_map() const { return component_.maps.back(); }

  /// Multipliers that mask nothing.
  std::vector<at::Tensor> ones() const;

 private:
  /// The input of the last matrix: [n, n_in], or [n_masks * n, n_in] mask by mask.
  at::Tensor hidden(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const;
  at::Tensor attention(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const;
  /// Units neuron and head: what each head reads. Linear values are sum_j p_j x_j W_v, without
  /// bias, which their mask then scales.
  at::Tensor read_by_heads(const std::vector<at::Tensor>& multipliers, const at::Tensor& which) const;
  at::Tensor joined_weight_masked(const std::vector<at::Tensor>& multipliers, const at::Tensor& rows) const;

  Component component_;
  MaskUnit unit_;
  std::vector<MatrixInfo> matrices_;
  ///   - Unit weight: rows of the residual stream after the component's norm.
  ///   - Unit neuron, MLP: the projections of such rows, without bias.
  ///   - Units neuron and head, attention: undefined.
  at::Tensor inputs_;
  at::Tensor joined_bias_;  ///< Not unit weight: biases of the input matrices, joined in one vector.
  /// Not unit weight: what the last matrix reads if all gates before it are closed, [its n_in].
  at::Tensor closed_hidden_;
  bool closed_hidden_is_zero_ = false;
  /// Not unit weight, attention: projections without bias. q has rows for labelled tokens only.
  Projections projections_;
  /// [n_labelled] int64, on the CPU: each labelled token's row of `projections_.q` (attention with
  /// unit neuron) or of `inputs_` (otherwise).
  at::Tensor query_rows_;
  /// Attention: for each labelled token, the keys that the token attends to. A key is a row of
  /// `inputs_` (unit weight) or of `projections_` (unit neuron).
  AttentionPaths paths_;
};

}  // namespace cprobe
