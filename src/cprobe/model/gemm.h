#pragma once

#include <torch/types.h>

namespace cprobe {

/// a b + bias, where each thread computes its own rows of the result. Differentiable once.
///
/// For products of a few hundred rows, OpenBLAS's own threads take an eighth longer, and three
/// quarters longer on a busy machine. Needs a BLAS that stays on one thread inside an OpenMP region
/// (OpenBLAS built with OpenMP, MKL).
/// @param a     [m, k] float32, any strides; differentiable.
/// @param b     [k, n] float32, any strides; differentiable.
/// @param bias  [n] float32; differentiable. Undefined: none.
/// @return      [m, n].
at::Tensor gemm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

}  // namespace cprobe
