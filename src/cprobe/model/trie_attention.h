#pragma once

#include <torch/types.h>

#include <cstdint>

#include "cprobe/model/config.h"

namespace cprobe {

/// Where the keys and values of each query lie.
struct KeyRows {
  /// [n_queries, max_length] int64: row of k and v for each token of the query's path, first token
  /// first.
  at::Tensor rows;
  /// [n_queries] int64: how many of them count, the query's own token included; >= 1.
  at::Tensor length;
};

struct AttentionShape {
  int64_t n_heads = 0;
  /// Divides n_heads; query head h reads key/value head h / (n_heads / n_kv_heads).
  int64_t n_kv_heads = 0;
  int64_t d_head = 0;
};

/// Dot-product attention of each query over its own list of key rows: no padding, no n x n scores.
///
/// Differentiable (once) in q, k and v with closed-form gradients; where k and v need none, theirs
/// cost nothing. On the CPU a fused kernel reads each key and value once per query and keeps only
/// the probabilities, [n_queries, n_heads, max_length] float32. Other devices, and
/// `reference_trie_attention`, gather the rows.
///
/// @param keys on the CPU or q's device. Under a window the rows in front of it are not read.
/// @param q    [n_queries, n_heads * d_head] float32, rows contiguous.
/// @param k, v [n_rows, n_kv_heads * d_head] float32, rows contiguous (column slices of a fused
///             projection are fine).
/// @return     [n_queries, n_heads * d_head] float32.
/// @throws Error (kFailed) if sizes do not fit.
at::Tensor trie_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys,
                          const AttentionShape& shape, const AttentionOptions& options = {});

/// The same from stock operations, for any device; materialises
/// [n_queries, max_length, n_kv_heads * d_head] twice.
at::Tensor reference_trie_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys,
                                    const AttentionShape& shape, const AttentionOptions& options = {});

}  // namespace cprobe
