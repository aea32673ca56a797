#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <vector>

#include "cprobe/data/token_trie.h"
#include "cprobe/model/model.h"
#include "cprobe/model/trie_attention.h"

namespace cprobe {

/// Makes room for rows of a stream, [n_rows, d_model] float32 on the model's device: in memory, or where it is more
/// plentiful.
using NewRows = std::function<at::Tensor(int64_t n_rows, int64_t d_model, at::Device device)>;
at::Tensor rows_in_memory(int64_t n_rows, int64_t d_model, at::Device device);

/// The residual stream of a trie, stored once per distinct value: before the first attention block a row depends only
/// on (token, position), so there are far fewer rows than nodes. Later each computed node has its own row.
struct Stream {
  at::Tensor rows;         ///< [n_rows, d_model] float32, on the model's device.
  at::Tensor row_of_node;  ///< [n_nodes] int64 on the CPU; -1 for nodes that were not computed.
  /// [n_rows, d_model] float32, only between the two blocks of a layer with a parallel residual: the stream before both,
  /// which is what the MLP reads.
  at::Tensor before_layer;

  /// What the next component reads, [n_rows, d_model].
  const at::Tensor& read() const { return before_layer.defined() ? before_layer : rows; }
  /// The states of some nodes, [n, d_model]. @param nodes [n] int64, all computed.
  at::Tensor at_nodes(const at::Tensor& nodes) const;
  /// The same stream with one row per node, in order. All nodes must have been computed.
  /// @param new_rows where its rows are kept.
  Stream expanded(const NewRows& new_rows = rows_in_memory) const;
};

/// How one weight matrix is masked. The map becomes
///
///     y = x (W * m) + fill (W * (1 - m)) + b           with one multiplier per weight
///     y = (x W) * m + (fill W) * (1 - m) + b           with one per output
///
/// so units with m = 0 see the fill in place of the input: nothing (zero ablation), the mean input, or another token's
/// input. Biases are never masked.
struct LinearMask {
  at::Tensor multiplier;  ///< [n_out] (neuron unit) or [n_in, n_out] (weight unit) float32; undefined: not masked.
  /// [n, n_in] float32, one row per row of x; undefined: zero. In a ComponentMask, one row per trie node.
  at::Tensor fill;
};

/// One mask per weight matrix of a component, in the order of `matrices_of`; empty: the component as it is. Fills have
/// one row per trie node, so an attention block with fills needs a stream with one row per node (`expanded`).
using ComponentMask = std::vector<LinearMask>;

/// x W + b under a mask; differentiable in x and the multiplier. @param mask may be null.
at::Tensor masked_linear(const Linear& map, const at::Tensor& x, const LinearMask* mask);

/// Queries, keys and values of a component's input projections, before or after their biases alike.
struct Projections {
  at::Tensor q;  ///< [n, n_heads * d_head] float32.
  at::Tensor k;  ///< [n, n_kv_heads * d_head].
  at::Tensor v;  ///< [n, n_kv_heads * d_head].
};

/// Splits the outputs of an attention block's input matrices (all matrices but the last), joined along the columns: a
/// matrix [n, ...] of outputs, or one vector of biases or multipliers.
Projections split_projections(const ModelConfig& config, const at::Tensor& joined);

/// The hidden layer of an MLP.
/// @param joined [n, d_mlp], or gate and up projections [n, 2 d_mlp]: outputs of its input matrices, biases included.
/// @return       [n, d_mlp].
at::Tensor mlp_hidden(const ModelConfig& config, const at::Tensor& joined);

AttentionShape attention_shape(const ModelConfig& config);

/// What a component reads: the stream after its norm. @param rows [n, d_model]. @return [n, d_model].
at::Tensor normed_input(const Model& model, const ComponentRef& component, const at::Tensor& rows);

/// Key rows of the queries at some nodes. @param nodes [n_queries] int64. @throws Error (kFailed) if the stream lacks an
/// ancestor of one.
KeyRows key_rows(const TokenTrie& trie, const Stream& stream, const at::Tensor& nodes);

/// Positions of a stream's rows, [n_rows] int64: nodes that share a row have one position.
at::Tensor row_positions(const TokenTrie& trie, const Stream& stream);

/// Embeddings of a trie: one row per distinct (token, position).
/// @throws Error (kInput) if a token or position lies outside the model's.
Stream embed(const Model& model, const TokenTrie& trie);

/// Called before each matrix (index into `matrices_of`; once for all that read the stream, as matrix 0) with its inputs
/// x.
using InputObserver = std::function<void(ComponentRef component, size_t matrix, const at::Tensor& x)>;

/// Called after each component with what it adds to the stream and the stream after it, [n, d_model] both.
/// `nodes` [n] are the nodes of the rows; undefined while nodes may share a row.
using UpdateObserver = std::function<void(ComponentRef component, const at::Tensor& nodes, const at::Tensor& update,
                                          const at::Tensor& state)>;

struct SpanOptions {
  /// [n] int64 distinct nodes whose final states are wanted; undefined: all nodes. What nobody reads is not computed.
  at::Tensor read_nodes;
  std::map<ComponentRef, ComponentMask> masks;
  /// Updates of components that are known, [n_nodes, d_model] with one row per node; they are not computed.
  std::map<ComponentRef, at::Tensor> updates;
  UpdateObserver on_update;
  InputObserver on_input;
};

/// Runs the components between two sites. From between the blocks of a layer with a parallel residual, `stream` needs
/// `before_layer`. Differentiable in the given states, the multipliers and the weights.
/// @param stream states at `from`, of the nodes read and all their ancestors at least.
/// @throws Error (kFailed) if it lacks one, or `before_layer`, or fills meet a stream whose rows are not the nodes'.
/// @return       states at `to`: rows of the read nodes, in their order, once a component has run.
Stream run_span(const Model& model, const TokenTrie& trie, Stream stream, Site from, Site to,
                const SpanOptions& options = {});

/// The states at `to` of `options.read_nodes`, in their order, computed about a thousand nodes at a time with their
/// ancestors: memory beyond the result is that of such a slab and an index of the nodes. Ancestors that two slabs share
/// are computed in both, so nodes close in the trie should be close in `read_nodes`; observers see every slab. Without
/// gradients.
/// @param new_rows where the result is kept.
/// @return [n, d_model] float32.
at::Tensor run_in_slabs(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
                        SpanOptions options = {}, const NewRows& new_rows = rows_in_memory);

/// The stream of all nodes at a site, from that at an earlier one. Without gradients, in slabs.
/// @param new_rows where its rows are kept.
Stream advance(const Model& model, const TokenTrie& trie, const Stream& stream, Site from, Site to,
               const NewRows& new_rows = rows_in_memory);

/// The stream of all nodes at a site, from the embeddings on. Without gradients. @throws Error (kInput) as `embed`.
Stream stream_at(const Model& model, const TokenTrie& trie, Site site);

/// Next-token logits. @param states [n, d_model] at the end of the stream, before the final norm.
/// @param vocab_rows [m] int64 tokens to compare; undefined: all. @return [n, m] float32.
at::Tensor logits(const Model& model, const at::Tensor& states, const at::Tensor& vocab_rows = {});

}  // namespace cprobe
