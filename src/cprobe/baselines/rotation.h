#pragma once

#include <torch/types.h>

#include "cprobe/core/seed.h"

namespace cprobe {

/// A random orthogonal matrix, every one as likely as any other (Haar measure), of determinant 1 or -1.
/// @return [n, n] float32, orthogonal to float32's precision.
at::Tensor random_rotation(int64_t n, Seed seed);

/// Orthogonal matrices near another one, without constraints (Cayley transform):
///
///     R = start (I - S)^-1 (I + S),   S = (A - A^T) / 4.
///
/// To first order in A, R is start (I + (A - A^T) / 2), so steps on A have the size of those on the exponential of its
/// skew part, the reference's choice; one inverse is far cheaper. The gradient is closed form: with N = (R + start) / 2
/// and M = (I - S)^-1, dL/dA is the skew part of N^T (dL/dR) M^T. A that starts skew stays so under Adam.
///
/// @param start [n, n] orthogonal, of A's dtype; constant.
/// @param a     [n, n] float32 or float64; differentiable (once).
/// @return      [n, n]; in float32, R^T R = I to about 1e-6.
at::Tensor rotation_from(const at::Tensor& start, const at::Tensor& a);

/// How far a matrix is from a permutation: (mean |row sum - 1| + mean |column sum - 1|) / 2 + mean of r (1 - r) over all
/// entries r. It favours rotations that keep the axes of the state. @param r [n, n]; differentiable (once), in closed
/// form, as the many small operations would take longer than a matrix product. @return scalar.
at::Tensor distance_from_permutation(const at::Tensor& r);

/// Weights of the rotated coordinates i = 0 .. n-1 with a learned boundary (Wu et al. 2023, "Interpretability at Scale:
/// Identifying Causal Mechanisms in Alpaca", section 3): sigmoid(i / T) * sigmoid((b n - i) / T).
/// @param boundary b, a scalar tensor; differentiable. @param temperature T > 0. @return [n].
at::Tensor boundary_weights(const at::Tensor& boundary, int64_t n, double temperature);

}  // namespace cprobe
