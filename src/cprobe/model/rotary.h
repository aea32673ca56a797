#pragma once

#include <torch/types.h>

#include "cprobe/model/config.h"

namespace cprobe {

/// Angles of rotary position embeddings, by position.
struct RotaryTable {
  at::Tensor cos;  ///< [n_positions, n_dims / 2] float32.
  at::Tensor sin;
};

/// Computed in float32 throughout, as `transformers` does.
RotaryTable rotary_table(const Rotary& rotary, int64_t n_positions);

/// Turns the first coordinates of every head by the angles of its row's position; differentiable in x.
/// @param x         [n, n_heads * d_head] float32.
/// @param positions [n] int64, within the table.
/// @return          [n, n_heads * d_head].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, const RotaryTable& table, int64_t d_head);

}  // namespace cprobe
