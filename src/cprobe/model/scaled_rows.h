#pragma once

#include <torch/types.h>

namespace cprobe {

/// A matrix with each column scaled and shifted: y = x * scale + shift, or some rows of it. This is what a neuron mask
/// does to a projection; it takes one pass forward and one backward.
///
/// @param x      [n_rows, n_columns] float32, rows contiguous; differentiable (once) where `rows` is undefined.
/// @param rows   [n] int64 in [0, n_rows); undefined: all rows in order.
/// @param scale  [n_columns] float32; differentiable.
/// @param shift  [n_columns] float32, differentiable; undefined: none.
/// @return       [n, n_columns] float32.
/// @throws Error (kFailed) if sizes do not fit, or x has a gradient and `rows` are given.
at::Tensor scaled_rows(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift);

}  // namespace cprobe
