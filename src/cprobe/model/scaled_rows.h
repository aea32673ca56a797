#pragma once

#include <torch/types.h>

namespace cprobe {

/// Scales and shifts the columns of a matrix, or of some of its rows: y = x * scale + shift, as a
/// neuron mask does to a projection. Takes one pass forward and one backward. Differentiable once.
///
/// Several masks at once have a scale each. With `rows`, each mask scales the same rows of x;
/// without, x is divided into one block of rows per mask.
///
/// @param x      [n_rows, n_columns] float32, rows contiguous. Differentiable without `rows`.
/// @param rows   [n] int64 in [0, n_rows). Undefined: all rows in order.
/// @param scale  [n_columns] or, for several masks, [n_masks, n_columns] float32; differentiable.
/// @param shift  [n_columns], or the shape of `scale`; float32; differentiable. Undefined: none.
/// @return       [n, n_columns] float32; for several masks [n_masks * n, n_columns] with `rows`,
///               and [n_rows, n_columns] without: mask by mask.
/// @throws Error (kFailed) if sizes do not fit, or if `rows` is given and x requires a gradient.
at::Tensor scaled_rows(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift);

}  // namespace cprobe
