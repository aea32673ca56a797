#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

namespace cprobe {

/// Removes some directions of states, relative to a point: x -> x - (I - P)(x - bias). All float64. I - P, of rank
/// `rank()`, is kept as the product `write` `read`, so that removing a few directions costs as little.
struct Eraser {
  at::Tensor bias;   ///< [d]: the mean of the fitted states, which stays where it is.
  at::Tensor write;  ///< [d, rank]: the directions that are taken away.
  at::Tensor read;   ///< [rank, d]: how much of each a state holds.

  int64_t rank() const { return read.size(0); }
  at::Tensor projection() const;  ///< P, [d, d].

  /// @param states [n, d] of any floating dtype. @return the same shape and dtype, computed in float64.
  at::Tensor erase(const at::Tensor& states) const;
};

struct LeaceOptions {
  /// The covariance of the states is shrunk towards a multiple of the identity (optimal linear shrinkage, Bodnar et al.
  /// 2014, arXiv 1308.2608), which matters where there are few more states than dimensions. Default as the authors'.
  bool shrinkage = true;
  /// Added above and below in the ratio that says how far to shrink, >= 0. The authors' library adds its dtype's epsilon,
  /// which has the unit of (state)^8: of states as small as a toy model's, all covariance is then shrunk away in float32.
  double shrinkage_epsilon = 0;
};

/// Least-squares concept erasure (LEACE; Belrose et al. 2023, arXiv 2306.03819): of all affine maps after which no linear
/// classifier can tell the classes apart, the one that moves the states least. With covariance S_xx of the states,
/// W = S_xx^-1/2, S_xz the cross-covariance of states and one-hot classes, and U the left singular vectors of W S_xz:
///
///     P = I - W^-1 U U' W        (pseudo-inverses where S_xx is singular)
///
/// Eigenvalues of S_xx up to the largest * d * 2^-52 count as 0. Singular values up to 0.01 are not erased, as in the
/// authors' library; its limit on the trace of the erased covariance is left out. Where the formula for shrinkage, an
/// asymptotic one, gives the covariance itself a weight below 0, the weight is 0.
///
/// O(n d^2 + d^3); memory about two copies of the states in float64.
///
/// @param states [n, d] of any floating dtype, finite.
/// @param labels [n] int64 classes, any numbers. With one class, or labels without linear information: rank 0.
/// @throws Error (kInput) if there are fewer than 2 states, the sizes differ, or a state is not finite.
Eraser fit_leace(const at::Tensor& states, const at::Tensor& labels, const LeaceOptions& options = {});

/// Its control: the orthogonal projection that removes a uniformly random subspace.
/// @param about [d] float64: the point that stays. @param rank of the subspace, in [0, d].
Eraser random_eraser(const at::Tensor& about, int64_t rank, at::Generator& generator);

}  // namespace cprobe
