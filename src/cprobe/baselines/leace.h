#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

namespace cprobe {

/// Removes some directions of states, relative to a point: x -> x - (I - P)(x - bias). All tensors
/// are float64. I - P is kept as the product of `write` and `read`, so that erasing n states takes
/// O(n d rank).
struct Eraser {
  at::Tensor bias;   ///< [d]: the mean of the fitted states. Erasing leaves this point where it is.
  at::Tensor write;  ///< [d, rank]: the directions that are removed.
  at::Tensor read;   ///< [rank, d]: reads how much of each direction a state holds.

  int64_t rank() const { return read.size(0); }
  at::Tensor projection() const;  ///< P, [d, d].

  /// @param states  [n, d] of any floating dtype.
  /// @return        the erased states in the same shape and dtype, computed in float64.
  at::Tensor erase(const at::Tensor& states) const;
};

struct LeaceOptions {
  /// Shrinks the covariance of the states towards a multiple of the identity (optimal linear
  /// shrinkage, Bodnar et al. 2014, arXiv 1308.2608). Matters if there are few more states than
  /// dimensions. The default is that of the authors' library.
  bool shrinkage = true;
  /// Added to numerator and denominator of the ratio that says how far to shrink, >= 0. The
  /// authors' library adds the epsilon of its dtype. Numerator and denominator have the unit of
  /// (state)^8. In float32, if states are as small as a toy model's, this epsilon shrinks all
  /// covariance away.
  double shrinkage_epsilon = 0;
  /// Which singular values decide whether a direction is erased.
  ///   - true: those of W S_xz S_zz^-1/2, which are correlations, in [0, 1], of a direction of the
  ///     states with a combination of classes. They do not depend on how many classes there are.
  ///   - false: those of W S_xz, as in the authors' library. With 1 / p equally frequent classes
  ///     they are at most sqrt(p), so that of 10,000 classes none is erased.
  bool whitens_classes = false;
  double tolerance = 0.01;  ///< Directions with a singular value up to this are not erased; in [0, 1).
};

/// Least-squares concept erasure (LEACE; Belrose et al. 2023, arXiv 2306.03819). Of all affine maps
/// after which no linear classifier can tell the classes apart, LEACE is the one that moves the
/// states least:
///
///     P = I - W^-1 U U' W        (pseudo-inverses if S_xx is singular)
///
/// with S_xx the covariance of the states, W = S_xx^-1/2, S_xz the cross-covariance of states and
/// one-hot classes, and U the left singular vectors of W S_xz.
///   - Eigenvalues of S_xx up to (the largest) * d * 2^-52 count as 0.
///   - Directions with a small singular value are not erased (LeaceOptions). The matrices that
///     LeaceOptions::whitens_classes chooses between span the same directions.
///   - The library's limit on the trace of the erased covariance is left out.
///   - The formula for shrinkage is asymptotic. If it gives the covariance a weight below 0, the
///     weight is 0.
///
/// Keeps what depends on the states alone, for erasers of several variables.
class Leace {
 public:
  /// Takes O(n d^2 + d^3), and keeps a copy of the states in float64.
  /// @param states  [n, d] of any floating dtype, finite.
  /// @throws Error (kInput) if there are fewer than 2 states, or a state is not finite.
  explicit Leace(const at::Tensor& states, const LeaceOptions& options = {});

  /// Takes O(n d + d^2 c) for c classes.
  /// @param labels  [n] int64 classes, any numbers. With one class, or without linear information
  ///                in the labels, the eraser has rank 0.
  /// @throws Error (kInput) if there are not as many labels as states.
  Eraser eraser(const at::Tensor& labels) const;

 private:
  LeaceOptions options_;
  at::Tensor mean_;     ///< [d].
  at::Tensor centred_;  ///< [n, d].
  at::Tensor basis_;    ///< [d, rank]: eigenvectors of S_xx whose eigenvalue is not 0.
  at::Tensor root_;     ///< [rank, 1]: square roots of these eigenvalues.
};

/// The eraser of one variable. Parameters and errors as Leace.
Eraser fit_leace(const at::Tensor& states, const at::Tensor& labels, const LeaceOptions& options = {});

/// The control for LEACE: an orthogonal projection that removes a uniformly random subspace.
/// @param about  [d] float64: the point that stays where it is.
/// @param rank   dimension of the subspace, in [0, d].
Eraser random_eraser(const at::Tensor& about, int64_t rank, at::Generator& generator);

}  // namespace cprobe
