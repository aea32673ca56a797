#include "cprobe/baselines/rotation.h"

#include <torch/optim/adam.h>

#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

at::Tensor draw(int64_t n, double scale, Seed seed) {
  return scale * at::randn({n, n}, seed.generator(), at::TensorOptions(at::kDouble));
}

double farthest_from_orthogonal(const at::Tensor& r) {
  const at::Tensor exact = r.to(at::kDouble);
  return (at::mm(exact.t(), exact) - at::eye(r.size(1), at::kDouble)).abs().max().item<double>();
}

TEST(Rotation, RandomOnesAreOrthogonalAndDifferFromSeedToSeed) {
  const at::Tensor r = random_rotation(33, Seed(1));
  EXPECT_LT(farthest_from_orthogonal(r), 1e-6);
  EXPECT_TRUE(at::equal(r, random_rotation(33, Seed(1))));
  EXPECT_GT((r - random_rotation(33, Seed(2))).abs().max().item<double>(), 0.1);
}

// A decomposition that chose the signs by a rule would give diagonals of one sign.
TEST(Rotation, RandomOnesPreferNoDirection) {
  double sum = 0;
  for (uint64_t i = 0; i < 400; ++i) sum += random_rotation(3, Seed(i)).trace().item<float>();
  EXPECT_NEAR(sum / 400, 0, 0.2);  // The trace's standard deviation is 1.
}

TEST(Rotation, IsTheStartWhereNothingWasLearnedAndItsExponentialToFirstOrder) {
  const at::Tensor start = random_rotation(9, Seed(0)).to(at::kDouble), a = draw(9, 1e-3, Seed(1));
  EXPECT_TRUE(agree(rotation_from(start, at::zeros_like(a)), start, 1e-12));
  EXPECT_TRUE(agree(rotation_from(start, a), at::mm(start, at::matrix_exp((a - a.t()) / 2)), 1e-7));
}

TEST(Rotation, GradientIsThatOfDifferences) {
  const at::Tensor start = random_rotation(5, Seed(0)).to(at::kDouble), a = draw(5, 0.8, Seed(1));
  const auto f = [&](const at::Tensor& x) { return rotation_from(start, x); };
  EXPECT_TRUE(agree(testing::autograd_jacobian(f, a), testing::numeric_jacobian(f, a), 1e-8));
}

// Training could move an entry by 25 at most: 5,000 steps of 0.01, halved by the schedule on
// average.
TEST(Rotation, StaysOrthogonalInSinglePrecisionFarFromItsStart) {
  const at::Tensor start = random_rotation(128, Seed(0));
  for (const double scale : {0.1, 1.0, 10.0}) {
    EXPECT_LT(farthest_from_orthogonal(rotation_from(start, draw(128, scale, Seed(1)).to(at::kFloat))), 1e-5) << scale;
  }
}

TEST(Rotation, StaysOrthogonalAndItsParametersSkewUnderAdam) {
  const at::Tensor start = random_rotation(16, Seed(0)), target = random_rotation(16, Seed(5));
  at::Tensor a = at::zeros({16, 16}).requires_grad_();
  torch::optim::Adam adam({a}, torch::optim::AdamOptions(0.05));
  const double before = (start - target).square().sum().item<double>();
  double after = 0;
  for (int step = 0; step < 300; ++step) {
    const at::Tensor loss = (rotation_from(start, a) - target).square().sum();
    after = loss.item<double>();
    adam.zero_grad();
    loss.backward();
    adam.step();
  }
  EXPECT_LT(after, before / 2);
  EXPECT_LT(farthest_from_orthogonal(rotation_from(start, a.detach())), 1e-5);
  EXPECT_TRUE(at::equal(a, -a.t()));
}

TEST(Rotation, PermutationsAreNoDistanceFromThemselves) {
  const at::Tensor permutation = at::eye(6).index_select(0, at::randperm(6, Seed(0).generator(), at::kLong));
  EXPECT_NEAR(distance_from_permutation(permutation).item<double>(), 0, 1e-7);
  EXPECT_GT(distance_from_permutation(random_rotation(6, Seed(3))).item<double>(), 0.2);
}

TEST(Rotation, DistanceFromPermutationIsThePapersAndDifferentiable) {
  const at::Tensor r = at::tensor({0.5, -1.0, 2.0, 0.25}, at::kDouble).view({2, 2});
  // Row sums -0.5 and 2.25, column sums 2.5 and -0.75; r (1 - r): 0.25, -2, -2, 0.1875.
  EXPECT_NEAR(distance_from_permutation(r).item<double>(), (1.375 + 1.625) / 2 - 3.5625 / 4, 1e-12);
  EXPECT_TRUE(agree(testing::autograd_jacobian(distance_from_permutation, r),
                    testing::numeric_jacobian(distance_from_permutation, r), 1e-8));
}

TEST(BoundaryWeights, AreTheProductOfTwoSigmoids) {
  const at::Tensor weights = boundary_weights(at::scalar_tensor(0.5), 4, 2.0);
  // i = 2: sigmoid(1) sigmoid(0).
  EXPECT_NEAR(weights[2].item<double>(), 0.7310586 / 2, 1e-6);
  const at::Tensor hard = boundary_weights(at::scalar_tensor(0.5), 8, 1e-3);
  EXPECT_TRUE(agree(hard, at::tensor({0.5, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0}), 1e-6));
}

TEST(BoundaryWeights, AreDifferentiableInTheBoundary) {
  const auto f = [](const at::Tensor& b) { return boundary_weights(b, 6, 1.7); };
  const at::Tensor b = at::scalar_tensor(0.4, at::kDouble);
  EXPECT_TRUE(agree(testing::autograd_jacobian(f, b), testing::numeric_jacobian(f, b), 1e-8));
}

}  // namespace
}  // namespace cprobe
