#pragma once

#include <torch/types.h>

namespace cprobe {

/// a b + bias, each thread computing its own rows of the result. A BLAS's own threads share packed blocks instead, which
/// is slower for products of a few hundred rows: by an eighth here, by half where cores exchange data slowly. Needs a
/// BLAS that stays on one thread inside an OpenMP region (OpenBLAS built with OpenMP, MKL). Differentiable once.
/// @param a    [m, k] float32, any strides; differentiable.
/// @param b    [k, n]; differentiable.
/// @param bias [n], differentiable; undefined: none.
/// @return     [m, n].
at::Tensor gemm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

}  // namespace cprobe
