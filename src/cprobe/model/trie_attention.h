#pragma once

#include <torch/types.h>

#include <cstdint>

#include "cprobe/model/config.h"

namespace cprobe {

/// The rows of k and v that each query attends to.
struct KeyRows {
  /// [n_queries, max_length] int64: row of k and v for each token of the query's path, first token
  /// first.
  at::Tensor rows;
  /// [n_queries] int64: number of tokens in the query's path, its own included; >= 1. Later entries
  /// of `rows` are fillers.
  at::Tensor length;
};

struct AttentionShape {
  int64_t n_heads = 0;
  /// Divides n_heads. Query head h reads key/value head h / (n_heads / n_kv_heads).
  int64_t n_kv_heads = 0;
  int64_t d_head = 0;
};

/// Dot-product attention of each query over its own list of key rows: no padding, no n x n scores.
///
/// Differentiable (once) in q, k and v with closed-form gradients. If neither k nor v requires a
/// gradient, their gradients cost nothing. On the CPU, a fused kernel reads each key and value once
/// per query and keeps only the probabilities, [n_queries, n_heads, max_length] float32. On other
/// devices, this is `reference_trie_attention`.
///
/// @param q     [n_queries, n_heads * d_head] float32, rows contiguous.
/// @param k, v  [n_rows, n_kv_heads * d_head] float32, rows contiguous (column slices of a fused
///              projection are fine).
/// @param keys  on the CPU or q's device. The kernel does not read rows before the window.
/// @return      [n_queries, n_heads * d_head] float32.
/// @throws Error (kFailed) if sizes do not fit.
at::Tensor trie_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys,
                          const AttentionShape& shape, const AttentionOptions& options = {});

/// Attention as `trie_attention` defines it, from stock operations, for any device and dtype.
/// Gathers the keys and the values of each query: [n_queries, max_length, n_heads * d_head] twice.
at::Tensor reference_trie_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys,
                                    const AttentionShape& shape, const AttentionOptions& options = {});

}  // namespace cprobe
