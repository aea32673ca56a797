#pragma once

#include <torch/types.h>

#include "cprobe/core/seed.h"

namespace cprobe {

/// A random orthogonal matrix, all equally likely (Haar measure), of determinant 1 or -1.
/// @return  [n, n] float32, orthogonal to the precision of float32.
at::Tensor random_rotation(int64_t n, Seed seed);

/// An orthogonal matrix near `start`, as a function of any matrix A (Cayley transform):
///
///     R = start (I - S)^-1 (I + S),   S = (A - A^T) / 4.
///
/// To first order in A, R = start (I + (A - A^T) / 2). The reference uses the exponential of A's
/// skew part, which is the same to first order, so that a step on A has the same size here. One
/// inverse is far cheaper than an exponential.
///
/// The gradient has a closed form: with N = (R + start) / 2 and M = (I - S)^-1, dL/dA is the skew
/// part of N^T (dL/dR) M^T. If A starts skew-symmetric, Adam keeps A skew-symmetric.
///
/// @param start  [n, n] orthogonal, of A's dtype; constant.
/// @param a      [n, n] float32 or float64; differentiable once.
/// @return       [n, n]; in float32, R^T R = I to about 1e-6.
at::Tensor rotation_from(const at::Tensor& start, const at::Tensor& a);

/// How far a matrix is from a permutation:
///
///     (mean |row sum - 1| + mean |column sum - 1|) / 2 + mean of r (1 - r) over all entries r
///
/// Favours rotations that keep the axes of the state. The gradient has a closed form, because
/// autograd's many small operations would take longer than a matrix product.
/// @param r  [n, n]; differentiable once.
/// @return   scalar.
at::Tensor distance_from_permutation(const at::Tensor& r);

/// Weights of the rotated coordinates i = 0 .. n-1 with a learned boundary b (Wu et al. 2023,
/// "Interpretability at Scale: Identifying Causal Mechanisms in Alpaca", section 3):
///
///     sigmoid(i / T) * sigmoid((b n - i) / T)
///
/// @param boundary     b, a scalar tensor; differentiable.
/// @param temperature  T, > 0.
/// @return             [n], of the dtype of `boundary`.
at::Tensor boundary_weights(const at::Tensor& boundary, int64_t n, double temperature);

}  // namespace cprobe
