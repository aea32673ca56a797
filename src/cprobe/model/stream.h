#pragma once

#include <torch/types.h>

#include <functional>

#include "cprobe/data/token_trie.h"
#include "cprobe/model/model.h"

namespace cprobe {

/// Allocates rows of a stream, [n_rows, d_model] float32 on the model's device. `rows_in_memory`
/// allocates in memory; other functions may use scratch files.
using NewRows = std::function<at::Tensor(int64_t n_rows, int64_t d_model, at::Device device)>;
at::Tensor rows_in_memory(int64_t n_rows, int64_t d_model, at::Device device);

/// The residual stream of a trie. Before the first attention block, a state depends only on (token,
/// position), so nodes share rows and a stream has far fewer rows than nodes. After the first
/// attention block, each computed node has its own row.
struct Stream {
  at::Tensor rows;         ///< [n_rows, d_model] float32, on the model's device.
  at::Tensor row_of_node;  ///< [n_nodes] int64 on the CPU; -1 for nodes that were not computed.
  /// [n_rows, d_model] float32: the stream before the layer, which the MLP reads. Defined only
  /// between the two blocks of a layer with a parallel residual.
  at::Tensor before_layer;

  /// The rows that the next component reads, [n_rows, d_model].
  const at::Tensor& read() const { return before_layer.defined() ? before_layer : rows; }
  /// The states of some nodes, [n, d_model]. @param nodes  [n] int64, all computed.
  at::Tensor at_nodes(const at::Tensor& nodes) const;
  /// The same stream with one row per node, in order. All nodes must have been computed.
  /// @param new_rows  allocates the rows of the result.
  Stream expanded(const NewRows& new_rows = rows_in_memory) const;
  /// A stream of some of the rows.
  /// @param which        [n] int64 rows.
  /// @param row_of_node  that of the result.
  Stream selected(const at::Tensor& which, const at::Tensor& row_of_node) const;
  /// Keeps the present rows in `before_layer` if the layer's MLP reads them. To be called before
  /// the layer's attention adds its update.
  void begin_layer(const ModelConfig& config, int64_t layer);
};

/// Bytes of a stream with one row per node, in the layer where the stream is largest.
int64_t stream_bytes(const ModelConfig& config, int64_t n_nodes);

/// The embeddings of a trie, with one row per distinct (token, position).
/// @throws Error (kInput) if a token is outside the vocabulary, or a row longer than the context.
Stream embed(const Model& model, const TokenTrie& trie);

/// The logits of the next token.
/// @param states      [n, d_model] at the end of the stream, before the final norm.
/// @param vocab_rows  [m] int64 tokens whose logits are wanted. Undefined: all.
/// @return            [n, m] float32.
at::Tensor logits(const Model& model, const at::Tensor& states, const at::Tensor& vocab_rows = {});

}  // namespace cprobe
