#pragma once

#include <torch/types.h>

#include "cprobe/core/seed.h"

namespace cprobe {

/// A random orthogonal matrix from the uniform distribution (Haar measure). The determinant is 1 or
/// -1.
/// @return  [n, n] float32, orthogonal to the precision of float32.
at::Tensor random_rotation(int64_t n, Seed seed);

/// An orthogonal matrix as a function of any square matrix A (Cayley transform). A = 0 gives
/// `start`:
///
///     R = start (I - S)^-1 (I + S),   S = (A - A^T) / 4.
///
/// To first order in A, R = start (I + (A - A^T) / 2). The reference implementation uses the matrix
/// exponential of the skew-symmetric part (A - A^T) / 2. Both are the same to first order, so a
/// small step on A changes R by the same amount. One inverse is far cheaper than an exponential.
///
/// The gradient is computed in closed form. With N = (R + start) / 2 and M = (I - S)^-1, dL/dA is
/// the skew-symmetric part of N^T (dL/dR) M^T. If A starts skew-symmetric, Adam keeps A
/// skew-symmetric.
///
/// @param start  [n, n] orthogonal, of A's dtype; constant.
/// @param a      [n, n] float32 or float64; differentiable once.
/// @return       [n, n]; in float32, R^T R = I to about 1e-6.
at::Tensor rotation_from(const at::Tensor& start, const at::Tensor& a);

/// How far a matrix is from a permutation:
///
///     (mean |row sum - 1| + mean |column sum - 1|) / 2 + mean of r (1 - r) over all entries r
///
/// The distance is 0 for a permutation. Among orthogonal matrices, the distance is also 0 for every
/// other matrix whose rows and columns all sum to 1.
///
/// The gradient is computed in closed form, because the many small operations of autograd would
/// take longer than a matrix product.
/// @param r  [n, n]; differentiable once.
/// @return   scalar.
at::Tensor distance_from_permutation(const at::Tensor& r);

/// Weights of the rotated coordinates i = 0 .. n-1 with a learned boundary b (Wu et al. 2023,
/// "Interpretability at Scale: Identifying Causal Mechanisms in Alpaca", section 3):
///
///     sigmoid(i / T) * sigmoid((b n - i) / T)
///
/// For small T, the weight is about 1 for 0 < i < b n, and about 0 for i > b n.
///
/// @param boundary     b, a scalar tensor; differentiable.
/// @param temperature  T, > 0.
/// @return             [n], of the dtype of `boundary`.
at::Tensor boundary_weights(const at::Tensor& boundary, int64_t n, double temperature);

}  // namespace cprobe
