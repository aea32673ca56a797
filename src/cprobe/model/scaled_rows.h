#pragma once

#include <torch/types.h>

namespace cprobe {

/// Scales and shifts the columns of a matrix, or of some of its rows: y = x * scale + shift, as a
/// neuron mask does to a projection. Takes one pass forward and one backward. Differentiable once.
///
/// @param x      [n_rows, n_columns] float32, rows contiguous. Differentiable without `rows`.
/// @param rows   [n] int64 in [0, n_rows). Undefined: all rows in order.
/// @param scale  [n_columns] float32; differentiable.
/// @param shift  [n_columns] float32; differentiable. Undefined: none.
/// @return       [n, n_columns] float32.
/// @throws Error (kFailed) if sizes do not fit, or if `rows` is given and x requires a gradient.
at::Tensor scaled_rows(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift);

}  // namespace cprobe
