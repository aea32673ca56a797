#pragma once

#include <torch/types.h>

#include <functional>

#include "cprobe/data/token_trie.h"
#include "cprobe/model/model.h"

namespace cprobe {

/// Makes room for rows of a stream, [n_rows, d_model] float32 on the model's device: in memory, or
/// where it is more plentiful.
using NewRows = std::function<at::Tensor(int64_t n_rows, int64_t d_model, at::Device device)>;
at::Tensor rows_in_memory(int64_t n_rows, int64_t d_model, at::Device device);

/// The residual stream of a trie, stored once per distinct value: before the first attention block
/// a row depends only on (token, position), so there are far fewer rows than nodes. Later each
/// computed node has its own row.
struct Stream {
  at::Tensor rows;         ///< [n_rows, d_model] float32, on the model's device.
  at::Tensor row_of_node;  ///< [n_nodes] int64 on the CPU; -1 for nodes that were not computed.
  /// [n_rows, d_model] float32, only between the two blocks of a layer with a parallel residual:
  /// the stream before both, which is what the MLP reads.
  at::Tensor before_layer;

  /// What the next component reads, [n_rows, d_model].
  const at::Tensor& read() const { return before_layer.defined() ? before_layer : rows; }
  /// The states of some nodes, [n, d_model]. @param nodes [n] int64, all computed.
  at::Tensor at_nodes(const at::Tensor& nodes) const;
  /// The same stream with one row per node, in order. All nodes must have been computed.
  /// @param new_rows where its rows are kept.
  Stream expanded(const NewRows& new_rows = rows_in_memory) const;
  /// A stream of some of the rows. @param which [n] int64 rows. @param row_of_node of the result.
  Stream selected(const at::Tensor& which, const at::Tensor& row_of_node) const;
  /// Notes at the start of a layer what the layer's MLP will read, if that is the present stream.
  void begin_layer(const ModelConfig& config, int64_t layer);
};

/// Bytes of a stream with one row per node, in the layer where the stream is largest.
int64_t stream_bytes(const ModelConfig& config, int64_t n_nodes);

/// Embeddings of a trie: one row per distinct (token, position).
/// @throws Error (kInput) if a token or position lies outside the model's.
Stream embed(const Model& model, const TokenTrie& trie);

/// Next-token logits. @param states [n, d_model] at the end of the stream, before the final norm.
/// @param vocab_rows [m] int64 tokens to compare; undefined: all. @return [n, m] float32.
at::Tensor logits(const Model& model, const at::Tensor& states, const at::Tensor& vocab_rows = {});

}  // namespace cprobe
