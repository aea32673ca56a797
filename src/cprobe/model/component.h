#pragma once

#include <torch/types.h>

#include <span>
#include <string>
#include <vector>

#include "cprobe/data/token_trie.h"
#include "cprobe/model/hidden_layer.h"
#include "cprobe/model/masked_linear.h"
#include "cprobe/model/model.h"
#include "cprobe/model/rotary.h"
#include "cprobe/model/stream.h"
#include "cprobe/model/trie_attention.h"

namespace cprobe {

/// The computation of a component, step by step. No other file repeats these steps:
///
///     normed_input -> project_in -> split_projections, attend (attention)  -> update_from
///                                   hidden_layer (MLP)
///
/// The forward pass (model/forward.h) runs the steps in order. Mask training
/// (circuit/component_inputs.h) runs those that no mask changes once, and the rest in each step.

/// A norm with its weights.
struct NormMap {
  Norm kind = Norm::kNone;
  double epsilon = 0;
  at::Tensor weight;  ///< [d] float32; of each head's own norm [n_heads, d_head]. Undefined: none.
  at::Tensor bias;    ///< [d] float32. Undefined: none.
};

/// @param name  canonical name, such as "final_norm".
/// @throws Error (kFailed) if the model's norms have weights, and there are none of this name.
NormMap norm_of(const Model& model, const std::string& name);

/// Applies a norm along the last axis. @param x  [..., d].
at::Tensor normed(const at::Tensor& x, const NormMap& norm);

/// A component with everything that its computation needs. Its weights share the model's storage,
/// and the Model itself may go out of scope.
struct Component {
  ComponentRef ref;
  ModelConfig config;
  NormMap norm;              ///< The norm in front of the component.
  std::vector<Linear> maps;  ///< In the order of `matrices_of`.
  NormMap norm_after;        ///< Of what the last map makes.
  NormMap q_norm;            ///< Of queries: of each head, or of all heads together.
  NormMap k_norm;            ///< As `q_norm`, of keys.

  const LayerConfig& layer() const { return config.layer(ref.layer); }
};

/// @throws Error (kInput) if the model has no such layer.
Component component_of(const Model& model, const ComponentRef& ref);

/// The input of a component's matrices: the stream after the component's norm.
/// @param rows  [n, d_model], rows of the stream. @return [n, d_model].
at::Tensor normed_input(const Component& component, const at::Tensor& rows);

/// The outputs of the input matrices (all matrices but the last), biases included, joined along the
/// columns.
/// @param x      [n, d_model], a normed input.
/// @param masks  one per input matrix, fills with one row per row of x. Empty: not masked.
/// @return       [n, sum of the input matrices' n_out], differentiable in x and the multipliers.
at::Tensor project_in(const Component& component, const at::Tensor& x, std::span<const LinearMask> masks = {});

/// Queries, keys and values of an attention block: outputs of its input matrices, with or without
/// biases.
struct Projections {
  at::Tensor q;  ///< [n, n_heads * d_head] float32.
  at::Tensor k;  ///< [n, n_kv_heads * d_head].
  at::Tensor v;  ///< [n, n_kv_heads * d_head].
};

/// Splits what belongs to the joined outputs of an attention block's input matrices into queries,
/// keys and values.
/// @param joined  [..., sum of the input matrices' n_out]: outputs of `project_in`, or a vector of
///                biases or multipliers.
Projections split_projections(const ModelConfig& config, const at::Tensor& joined);

/// The keys that some queries of a layer attend to, and the rotations of queries and keys.
struct AttentionPaths {
  KeyRows keys;
  /// Angles by position. This and the next two fields are undefined without rotary embeddings.
  RotaryTable rotary;
  at::Tensor query_positions;  ///< [n_queries] int64.
  at::Tensor key_positions;    ///< [n_rows of k] int64.

  /// [n_queries] int64: the row of k that is the query's own token.
  at::Tensor own_rows() const;
  /// The paths of some queries. @param which  [n] int64 numbers of queries. Undefined: all.
  AttentionPaths of_queries(const at::Tensor& which) const;
  /// The paths of `times` copies of the queries, copy by copy.
  /// @param n_keys  rows of k that belong to each copy. 0: all copies share the rows of k.
  AttentionPaths repeated(int64_t times, int64_t n_keys) const;
  /// Drops the rows of k that are on no query's path, and renumbers the others.
  /// @return [n] int64: the old numbers of the rows that stay, ascending.
  at::Tensor drop_unread_keys();
};

/// The paths of the queries at some nodes. The rows of k are the rows of the stream.
/// @param nodes  [n_queries] int64.
/// @throws Error (kFailed) if the stream lacks a node or one of its ancestors.
AttentionPaths attention_paths(const Component& component, const TokenTrie& trie, const Stream& stream,
                               const at::Tensor& nodes);

/// Whether a score is just the scaled product of query and projected key: without rotation, norms,
/// clipping or soft cap. A term common to all scores of a query then cancels in the softmax.
bool has_plain_scores(const Component& component);
/// Whether what attention reads is linear in the values as projected: they are not clipped.
bool has_linear_values(const Component& component);

AttentionShape attention_shape(const ModelConfig& config);

/// Attention, from projections to weighted values: queries, keys and values are clipped, queries
/// and keys normed and rotated, where the model does so. Differentiable in q, k and v.
/// @param rows  q: one row per query. k and v: the rows that `paths` refers to.
/// @return      [n_queries, n_heads * d_head].
at::Tensor attend(const Component& component, const Projections& rows, const AttentionPaths& paths);

/// How `hidden_layer` makes the hidden layer of a model's MLPs from the outputs of `project_in`.
HiddenLayer hidden_layer_of(const ModelConfig& config);

/// What the last matrix makes.
/// @param hidden  [n, n_in of the last matrix]: weighted values, or an MLP's hidden layer.
/// @param mask    of the last matrix.
/// @return        [n, d_model], differentiable in `hidden` and the multiplier.
at::Tensor written_by(const Component& component, const at::Tensor& hidden, const LinearMask& mask = {});

/// The update of a component, which it adds to the stream: what the last matrix makes, through the
/// norm behind it if there is one. Parameters as for `written_by`.
at::Tensor update_from(const Component& component, const at::Tensor& hidden, const LinearMask& mask = {});

}  // namespace cprobe
