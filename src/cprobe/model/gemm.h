#pragma once

#include <torch/types.h>

namespace cprobe {

/// a b + bias, each thread computing its own rows of the result. With products of a few hundred rows, OpenBLAS's own
/// division takes an eighth longer, and three quarters while the machine is busy. Needs a BLAS that stays on one thread
/// inside an OpenMP region (OpenBLAS built with OpenMP, MKL). Differentiable once.
/// @param a    [m, k] float32, any strides; differentiable.
/// @param b    [k, n]; differentiable.
/// @param bias [n], differentiable; undefined: none.
/// @return     [m, n].
at::Tensor gemm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

}  // namespace cprobe
