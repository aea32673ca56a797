#include "cprobe/baselines/leace.h"

#include <limits>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

void check(const at::Tensor& states) {
  const int64_t n = states.size(0);
  if (n < 2) throw input_error("LEACE: a covariance needs at least 2 states, found {}", n);
  const at::Tensor finite = states.isfinite().all(1);
  if (finite.all().item<bool>()) return;
  throw input_error("LEACE: state {} of {} is not finite", finite.to(at::kInt).argmin().item<int64_t>(), n);
}

/// Eigenvalues of w S + (1 - w) mean(eigenvalues) I, with the best weight w for an S that is
/// estimated from n states. Shrinkage does not change the eigenvectors.
/// @param eigenvalues  [d] of S. @param epsilon  as LeaceOptions::shrinkage_epsilon.
at::Tensor shrunk(const at::Tensor& eigenvalues, int64_t n, double epsilon) {
  const double trace = eigenvalues.sum().item<double>();
  const double mean = eigenvalues.mean().item<double>();
  const double unit = trace * mean;  // ||mean I||^2; cancels in the ratio if epsilon is 0.
  const double noise = unit * trace * trace / static_cast<double>(n) + epsilon;
  // The sum of squares is ||S - mean I||^2.
  const double distance = unit * (eigenvalues - mean).square().sum().item<double>() + epsilon;
  const double weight = distance > noise ? 1 - noise / distance : 0;
  return weight * eigenvalues + (1 - weight) * mean;
}

/// The indices of the true entries of a vector.
at::Tensor where_true(const at::Tensor& condition) {
  return condition.nonzero().squeeze(1);
}

}  // namespace

at::Tensor Eraser::projection() const {
  return at::eye(bias.size(0), at::kDouble) - at::mm(write, read);
}

at::Tensor Eraser::erase(const at::Tensor& states) const {
  const at::Tensor x = states.to(at::kDouble);
  return (x - at::mm(at::mm(x - bias, read.t()), write.t())).to(states.scalar_type());
}

Leace::Leace(const at::Tensor& states, const LeaceOptions& options) : options_(options) {
  const at::NoGradGuard no_gradients;
  check(states);
  const int64_t n = states.size(0), d = states.size(1);
  const at::Tensor first = states[0].to(at::kDouble);
  // Subtracting the first state makes the covariance exactly 0 if all states are equal.
  centred_ = states.to(at::kDouble) - first;
  const at::Tensor mean = centred_.mean(0);
  centred_ -= mean;
  mean_ = first + mean;

  const auto denominator = static_cast<double>(options.shrinkage ? n : n - 1);
  auto [eigenvalues, eigenvectors] = at::linalg_eigh(at::mm(centred_.t(), centred_) / denominator);
  if (options.shrinkage) eigenvalues = shrunk(eigenvalues, n, options.shrinkage_epsilon);
  const double rounding = static_cast<double>(d) * std::numeric_limits<double>::epsilon();
  const at::Tensor kept = where_true(eigenvalues > eigenvalues.max() * rounding);
  root_ = eigenvalues.index_select(0, kept).sqrt().unsqueeze(1);
  basis_ = eigenvectors.index_select(1, kept);
}

Eraser Leace::eraser(const at::Tensor& labels) const {
  const at::NoGradGuard no_gradients;
  const int64_t n = centred_.size(0), d = centred_.size(1);
  if (labels.size(0) != n) throw input_error("LEACE: {} states, but {} labels", n, labels.size(0));
  const auto [classes, place, counts] = at::_unique2(labels, true, true, true);
  const at::Tensor sums = at::zeros({classes.size(0), d}, at::kDouble).index_add_(0, place, centred_);
  // In the basis of the eigenvectors, whitening is a division.
  at::Tensor whitened = at::mm(basis_.t(), sums.t()) / static_cast<double>(n - 1) / root_;
  // With S_zz = diag(p) - p p^T for class frequencies p, diag(1 / p) is an inverse of S_zz on the
  // span of S_zx. So the columns of W S_xz over sqrt(p) have the singular values of
  // W S_xz S_zz^-1/2.
  if (options_.whitens_classes) whitened = whitened / (counts.to(at::kDouble) / static_cast<double>(n)).sqrt();
  const auto [left, singular, unused] = at::linalg_svd(whitened, false);
  const at::Tensor u = left.index_select(1, where_true(singular > options_.tolerance));
  return {.bias = mean_, .write = at::mm(basis_, root_ * u), .read = at::mm(basis_, u / root_).t().contiguous()};
}

Eraser fit_leace(const at::Tensor& states, const at::Tensor& labels, const LeaceOptions& options) {
  return Leace(states, options).eraser(labels);
}

Eraser random_eraser(const at::Tensor& about, int64_t rank, at::Generator& generator) {
  const at::Tensor normal = at::randn({about.size(0), rank}, generator, at::kDouble);
  const at::Tensor directions = std::get<0>(at::linalg_qr(normal));
  return {.bias = about, .write = directions, .read = directions.t().contiguous()};
}

}  // namespace cprobe
