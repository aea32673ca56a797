#pragma once

#include <torch/types.h>

namespace cprobe {

/// Rows of a constant matrix, each column scaled and shifted: y = x[rows] * scale + shift. What a neuron mask does to
/// the projections of a batch, in one pass forward and one backward over [n, n_columns].
///
/// @param x      [n_rows, n_columns] float32, rows contiguous; it gets no gradient.
/// @param rows   [n] int64 in [0, n_rows).
/// @param scale  [n_columns] float32; differentiable.
/// @param shift  [n_columns] float32; it gets no gradient.
/// @return       [n, n_columns] float32.
at::Tensor scaled_rows(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift);

}  // namespace cprobe
