#pragma once

#include <torch/types.h>

#include "cprobe/model/config.h"

namespace cprobe {

/// Cosines and sines of the angles of rotary position embeddings, by position.
struct RotaryTable {
  at::Tensor cos;                 ///< [n_positions, n_dims / 2] float32.
  at::Tensor sin;                 ///< As `cos`.
  bool turns_neighbours = false;  ///< Rotary::turns_neighbours.
};

/// The table of positions 0 to n_positions - 1, computed in float32 throughout, as `transformers`
/// does.
/// @param longest_row  tokens of the data's longest row, where scaling depends on it.
RotaryTable rotary_table(const Rotary& rotary, int64_t n_positions, int64_t longest_row);

/// Rotates the first coordinates of every head by the angles of the row's position.
/// Differentiable in x.
/// @param x          [n, n_heads * d_head] float32.
/// @param positions  [n] int64, within the table.
/// @return           [n, n_heads * d_head].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, const RotaryTable& table, int64_t d_head);

}  // namespace cprobe
