#pragma once

#include <torch/types.h>

namespace cprobe {

/// a b + bias, each thread computing its own rows of the result. A BLAS lets its threads share packed blocks instead,
/// which on products of a few hundred rows costs an eighth to, where the cores are far apart, all that the second
/// thread gains.
/// @param a    [m, k] float32, any strides; differentiable.
/// @param b    [k, n]; differentiable.
/// @param bias [n], differentiable; undefined: none.
/// @return     [m, n].
at::Tensor gemm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

}  // namespace cprobe
