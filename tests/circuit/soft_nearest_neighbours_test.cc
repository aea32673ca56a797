#include "cprobe/circuit/soft_nearest_neighbours.h"

#include <cmath>

#include "cprobe/core/seed.h"
#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kLoss = 2e-6;      // float32 sums of n terms of size 1.
constexpr double kGradient = 1e-5;  // Differences of such sums.

/// The objective's definition, entry by entry in float64.
at::Tensor defined(const at::Tensor& updates, const at::Tensor& labels) {
  const at::Tensor v = updates.to(at::kDouble).contiguous();
  const int64_t n = v.size(0), d = v.size(1);
  const double* x = v.data_ptr<double>();
  const int64_t* y = labels.data_ptr<int64_t>();
  const auto dot = [&](int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t c = 0; c < d; ++c) sum += x[i * d + c] * x[j * d + c];
    return sum;
  };
  double loss = 0;
  for (int64_t i = 0; i < n; ++i) {
    double same = 1e-5, all = 1e-5;
    for (int64_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double norms = std::sqrt(dot(i, i) * dot(j, j));
      const double e = std::exp((norms > 0 ? dot(i, j) / norms : 0) - 1);
      all += e;
      if (y[i] == y[j]) same += e;
    }
    loss -= std::log(same / all) / static_cast<double>(n);
  }
  return at::scalar_tensor(loss, at::kDouble);
}

at::Tensor gradient(const at::Tensor& updates, const at::Tensor& labels) {
  const at::Tensor x = updates.clone().requires_grad_();
  return torch::autograd::grad({soft_nearest_neighbours(x, labels)}, {x})[0];
}

at::Tensor numeric_gradient(const at::Tensor& updates, const at::Tensor& labels) {
  const auto f = [&](const at::Tensor& x) { return defined(x, labels); };
  return testing::numeric_jacobian(f, updates).view(updates.sizes());
}

at::Tensor draw_updates(int64_t n, int64_t d) {
  return at::randn({n, d}, Seed(1).generator());
}
at::Tensor draw_labels(int64_t n, int64_t n_classes) {
  return at::randint(n_classes, {n}, Seed(2).generator(), at::kLong);
}

TEST(SoftNearestNeighbours, OfSeveralMasksAreThoseOfEach) {
  const at::Tensor updates = at::randn({4, 17, 5}, Seed(1).generator());
  const at::Tensor labels = at::randint(3, {4, 17}, Seed(2).generator(), at::kLong);
  const at::Tensor weights = at::tensor({1.0f, -2.0f, 0.5f, 3.0f});
  for (const auto& objective : {soft_nearest_neighbours, reference_soft_nearest_neighbours}) {
    const at::Tensor x = updates.clone().requires_grad_();
    const at::Tensor losses = objective(x, labels);
    const at::Tensor gradients = torch::autograd::grad({(losses * weights).sum()}, {x})[0];
    for (int64_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(agree(losses[i].detach(), soft_nearest_neighbours(updates[i], labels[i]), kLoss)) << i;
      EXPECT_TRUE(agree(gradients[i], gradient(updates[i], labels[i]) * weights[i], kGradient)) << i;
    }
  }
  EXPECT_FAILED_ERROR(soft_nearest_neighbours(updates, labels[0]), "do not match");
}

TEST(SoftNearestNeighbours, LossAndGradientAreTheDefinitions) {
  for (const int64_t n : {2, 3, 17}) {
    const at::Tensor updates = draw_updates(n, 5), labels = draw_labels(n, 3);
    EXPECT_TRUE(agree(soft_nearest_neighbours(updates, labels), defined(updates, labels), kLoss)) << n << " rows";
    EXPECT_TRUE(agree(gradient(updates, labels), numeric_gradient(updates, labels), kGradient)) << n << " rows";
  }
}

/// The gradient of the definition by autograd, for row counts too large for numeric differences.
at::Tensor gradient_by_autograd(const at::Tensor& updates, const at::Tensor& labels) {
  const at::Tensor x = updates.to(at::kDouble).requires_grad_();
  const at::Tensor unit = x / x.norm(2, 1, true);
  const at::Tensor others = 1 - at::eye(x.size(0), at::kDouble);
  const at::Tensor e = (at::mm(unit, unit.t()) - 1).exp() * others;
  const at::Tensor same = (e * (labels.unsqueeze(0) == labels.unsqueeze(1))).sum(1) + 1e-5;
  return torch::autograd::grad({(same / (e.sum(1) + 1e-5)).log().mean().neg()}, {x})[0];
}

TEST(SoftNearestNeighbours, StockOperationsGiveTheSame) {
  for (const int64_t n : {1, 2, 17, 130}) {
    at::Tensor updates = draw_updates(n, 8);
    if (n > 5) updates[5].zero_();
    const at::Tensor labels = draw_labels(n, 3), x = updates.clone().requires_grad_();
    const at::Tensor loss = reference_soft_nearest_neighbours(x, labels);
    EXPECT_TRUE(agree(loss.detach(), soft_nearest_neighbours(updates, labels), kLoss)) << n << " rows";
    EXPECT_TRUE(agree(torch::autograd::grad({loss}, {x})[0], gradient(updates, labels), kGradient)) << n << " rows";
  }
}

TEST(SoftNearestNeighbours, HoldsInStripsOfRows) {
  for (const int64_t n : {127, 129, 301, 500}) {
    const at::Tensor updates = draw_updates(n, 8), labels = draw_labels(n, 7);
    EXPECT_TRUE(agree(soft_nearest_neighbours(updates, labels), defined(updates, labels), kLoss)) << n << " rows";
    EXPECT_TRUE(agree(gradient(updates, labels), gradient_by_autograd(updates, labels), kGradient)) << n << " rows";
  }
}

TEST(SoftNearestNeighbours, DependsOnDirectionsOnly) {
  const at::Tensor updates = draw_updates(12, 4), labels = draw_labels(12, 3);
  const at::Tensor scales = at::logspace(-3, 3, 12).unsqueeze(1);
  EXPECT_TRUE(
      agree(soft_nearest_neighbours(updates * scales, labels), soft_nearest_neighbours(updates, labels), kLoss));
  EXPECT_TRUE(agree(gradient(updates * scales, labels) * scales, gradient(updates, labels), kGradient));
}

TEST(SoftNearestNeighbours, AcceptsAnyWholeNumbersAsLabels) {
  const at::Tensor updates = draw_updates(6, 4);
  const at::Tensor small = at::tensor({0, 1, 2, 0, 1, 2}, at::kLong);
  const int64_t large = int64_t{1} << 60;  // float32 cannot tell neighbours apart.
  const at::Tensor others = at::tensor({-5 + 0 * large, large, large + 1, -5 + 0 * large, large, large + 1}, at::kLong);
  EXPECT_EQ(soft_nearest_neighbours(updates, small).item<float>(),
            soft_nearest_neighbours(updates, others).item<float>());
}

TEST(SoftNearestNeighbours, ZeroVectorsHaveCosineZeroAndNoGradient) {
  at::Tensor updates = draw_updates(8, 4);
  updates[2].zero_();
  updates[5].zero_();
  const at::Tensor labels = draw_labels(8, 2);
  EXPECT_TRUE(agree(soft_nearest_neighbours(updates, labels), defined(updates, labels), kLoss));
  const at::Tensor ours = gradient(updates, labels);
  const at::Tensor others = at::tensor({0, 1, 3, 4, 6, 7}, at::kLong);
  EXPECT_TRUE(
      agree(ours.index_select(0, others), numeric_gradient(updates, labels).index_select(0, others), kGradient));
  for (int64_t row : {2, 5}) EXPECT_TRUE(at::equal(ours[row], at::zeros({4}))) << "row " << row << ": " << ours[row];

  const at::Tensor zeros = at::zeros({8, 4});
  EXPECT_TRUE(agree(soft_nearest_neighbours(zeros, labels), defined(zeros, labels), kLoss));
  EXPECT_TRUE(at::equal(gradient(zeros, labels), zeros));
}

TEST(SoftNearestNeighbours, ARowWithItsOwnLabelCostsTheSameConstantAsInTheDefinition) {
  const at::Tensor updates = draw_updates(5, 4), unique = at::arange(5);
  EXPECT_TRUE(agree(soft_nearest_neighbours(updates, unique), defined(updates, unique), kLoss));
  EXPECT_TRUE(agree(gradient(updates, unique), numeric_gradient(updates, unique), kGradient));
  // The loss is about -log(1e-5 / 4), with four neighbours.
  EXPECT_GT(soft_nearest_neighbours(updates, unique).item<double>(), 10);
}

TEST(SoftNearestNeighbours, OfOneClassOrOneRowIsZero) {
  EXPECT_NEAR(soft_nearest_neighbours(draw_updates(6, 4), at::zeros({6}, at::kLong)).item<double>(), 0, 1e-7);
  EXPECT_EQ(soft_nearest_neighbours(draw_updates(1, 4), at::zeros({1}, at::kLong)).item<double>(), 0);
  EXPECT_TRUE(at::equal(gradient(draw_updates(1, 4), at::zeros({1}, at::kLong)), at::zeros({1, 4})));
}

TEST(SoftNearestNeighbours, IsSmallerWhereClassesAreApart) {
  const at::Tensor labels = at::tensor({0, 0, 0, 1, 1, 1}, at::kLong);
  const at::Tensor noise = 0.1 * draw_updates(6, 2);
  const at::Tensor apart = noise + at::one_hot(labels, 2).to(at::kFloat);
  const at::Tensor mixed = noise + at::one_hot(at::tensor({0, 1, 0, 1, 0, 1}, at::kLong), 2).to(at::kFloat);
  EXPECT_LT(soft_nearest_neighbours(apart, labels).item<double>(),
            soft_nearest_neighbours(mixed, labels).item<double>());
}

TEST(SoftNearestNeighbours, RefusesRowsWithoutLabels) {
  EXPECT_FAILED_ERROR(soft_nearest_neighbours(draw_updates(3, 4), draw_labels(2, 2)), "updates [3, 4] and labels [2]");
  EXPECT_FAILED_ERROR(soft_nearest_neighbours(at::zeros({0, 4}), at::zeros({0}, at::kLong)), "there are no rows");
}

}  // namespace
}  // namespace cprobe
