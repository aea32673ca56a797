#pragma once

#include <torch/types.h>

#include <span>
#include <string>
#include <vector>

#include "cprobe/data/token_trie.h"
#include "cprobe/model/masked_linear.h"
#include "cprobe/model/model.h"
#include "cprobe/model/rotary.h"
#include "cprobe/model/stream.h"
#include "cprobe/model/trie_attention.h"

namespace cprobe {

/// The computation of a component, step by step, and the only place that has it:
///
///     normed_input -> project_in -> split_projections, attend (attention)  -> update_from
///                                   mlp_hidden (MLP)
///
/// The forward pass (model/forward.h) runs the steps in order. Mask training
/// (circuit/component_inputs.h) runs the constant ones once and the rest in each step.

/// A norm with its weights.
struct NormMap {
  Norm kind = Norm::kLayer;
  double epsilon = 0;
  at::Tensor weight;  ///< [d_model] float32.
  at::Tensor bias;    ///< [d_model] float32; undefined for Norm::kRms.
};

/// @param name canonical, such as "final_norm".
/// @throws Error (kFailed) if the model has no such norm.
NormMap norm_of(const Model& model, const std::string& name);

/// @param x [n, d_model]. @return [n, d_model].
at::Tensor normed(const at::Tensor& x, const NormMap& norm);

/// A component with all that its computation needs. Weights share the model's storage; nothing here
/// refers to the model.
struct Component {
  ComponentRef ref;
  ModelConfig config;
  NormMap norm;              ///< In front of the component.
  std::vector<Linear> maps;  ///< In the order of `matrices_of`; the last one makes the update.

  const LayerConfig& layer() const { return config.layer(ref.layer); }
};

/// @throws Error (kInput) if the model has no such layer.
Component component_of(const Model& model, const ComponentRef& ref);

/// What a component reads: the stream after its norm.
/// @param rows [n, d_model]. @return [n, d_model].
at::Tensor normed_input(const Component& component, const at::Tensor& rows);

/// Outputs of the matrices that read the stream, biases included, joined along the columns.
/// @param x     [n, d_model], a normed input.
/// @param masks one per such matrix, fills with one row per row of x; empty: not masked.
/// @return      [n, sum of the matrices' n_out]; differentiable in x and the multipliers.
at::Tensor project_in(const Component& component, const at::Tensor& x, std::span<const LinearMask> masks = {});

/// Queries, keys and values of a component's input projections, before or after their biases alike.
struct Projections {
  at::Tensor q;  ///< [n, n_heads * d_head] float32.
  at::Tensor k;  ///< [n, n_kv_heads * d_head].
  at::Tensor v;  ///< [n, n_kv_heads * d_head].
};

/// Splits the outputs of an attention block's input matrices (all matrices but the last), joined
/// along the columns: a matrix [n, ...] of outputs, or one vector of biases or multipliers.
Projections split_projections(const ModelConfig& config, const at::Tensor& joined);

/// Over which keys some queries of a layer attend, and how far both turn.
struct AttentionPaths {
  KeyRows keys;
  /// With rotary embeddings: angles, and positions of the queries and of the rows of k. Otherwise
  /// undefined.
  RotaryTable rotary;
  at::Tensor query_positions;  ///< [n_queries] int64.
  at::Tensor key_positions;    ///< [n_rows of k] int64.

  /// [n_queries] int64: the row of k that is the query's own token.
  at::Tensor own_rows() const;
  /// The paths of some queries. @param which [n] int64; undefined: all.
  AttentionPaths of_queries(const at::Tensor& which) const;
  /// Drops the rows of k that no query attends to. @return [n] int64 rows that stay, ascending.
  at::Tensor drop_unread_keys();
};

/// The paths of the queries at some nodes; rows of k are the rows of the stream.
/// @param nodes [n_queries] int64. @throws Error (kFailed) if the stream lacks an ancestor of one.
AttentionPaths attention_paths(const Component& component, const TokenTrie& trie, const Stream& stream,
                               const at::Tensor& nodes);

/// Whether a score is the scaled product of a query with the projected key and nothing else: no
/// rotation, no soft cap. What all scores of a query have in common then cancels in the softmax.
bool has_plain_scores(const Component& component);

AttentionShape attention_shape(const ModelConfig& config);

/// Attention from projections to weighted values. Differentiable in all three.
/// @param rows q: one row per query; k and v: the rows that `paths` counts.
/// @return     [n_queries, n_heads * d_head].
at::Tensor attend(const Component& component, const Projections& rows, const AttentionPaths& paths);

/// The hidden layer of an MLP.
/// @param joined [n, d_mlp], or gate and up projections [n, 2 d_mlp]: outputs of its input
///               matrices, biases included.
/// @return       [n, d_mlp].
at::Tensor mlp_hidden(const ModelConfig& config, const at::Tensor& joined);

/// What a component adds to the stream.
/// @param hidden [n, n_in of the last matrix]: weighted values, or an MLP's hidden layer.
/// @return       [n, d_model]; differentiable in the hidden layer and the multiplier.
at::Tensor update_from(const Component& component, const at::Tensor& hidden, const LinearMask& mask = {});

}  // namespace cprobe
