#include "cprobe/training/cross_entropy.h"

#include <ATen/ATen.h>

#include "tests/support.h"

namespace cprobe {
namespace {

struct Case {
  at::Tensor logits;   ///< [5, 7].
  at::Tensor rows;     ///< Rows 1 and 4 have several examples, row 3 has none.
  at::Tensor answers;  ///< Those of row 4 differ.
};

Case shared_rows(at::ScalarType dtype) {
  at::manual_seed(1);
  return {.logits = at::randn({5, 7}, dtype) * 3,
          .rows = at::tensor({4, 1, 0, 1, 2, 4, 4}, at::kLong),
          .answers = at::tensor({6, 2, 0, 2, 3, 1, 6}, at::kLong)};
}

TEST(CrossEntropy, EqualsTorchInDoubleOverAllExamples) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const Case c = shared_rows(dtype);
    const at::Tensor expected = at::cross_entropy_loss(c.logits.to(at::kDouble).index_select(0, c.rows), c.answers);
    const at::Tensor found = cross_entropy(c.logits, c.rows, c.answers);
    EXPECT_EQ(found.scalar_type(), at::kDouble);
    EXPECT_NEAR(found.item<double>(), expected.item<double>(), 1e-12);
  }
}

TEST(CrossEntropy, GradientIsTheNumericJacobian) {
  const Case c = shared_rows(at::kDouble);
  const at::Tensor x = c.logits.clone().requires_grad_(true);
  (cross_entropy(x, c.rows, c.answers) * 2).backward();
  constexpr double kStep = 1e-5;  // Central differences have an error of about kStep^2.
  for (int64_t i = 0; i < x.size(0); ++i) {
    for (int64_t j = 0; j < x.size(1); ++j) {
      at::Tensor higher = c.logits.clone(), lower = c.logits.clone();
      higher[i][j] += kStep;
      lower[i][j] -= kStep;
      const double slope =
          2 * (cross_entropy(higher, c.rows, c.answers) - cross_entropy(lower, c.rows, c.answers)).item<double>() /
          (2 * kStep);
      EXPECT_NEAR(x.grad()[i][j].item<double>(), slope, 1e-9) << "logit " << i << ", " << j;
    }
  }
}

TEST(CrossEntropy, KeepsTheGradientOfASureModel) {
  // p = 1 - 2e-11 is 1 in float32; the gradient 1 - p is not 0.
  const at::Tensor x = at::tensor({25.0f, 0.0f, 0.0f}).view({1, 3}).requires_grad_(true);
  cross_entropy(x, at::zeros({1}, at::kLong), at::zeros({1}, at::kLong)).backward();
  const double wrong = std::exp(-25.0);
  EXPECT_NEAR(x.grad()[0][0].item<double>() / (-2 * wrong), 1, 1e-4);
  EXPECT_NEAR(x.grad()[0][1].item<double>() / wrong, 1, 1e-4);
}

TEST(CrossEntropy, ManyRowsEqualTorch) {
  at::manual_seed(2);
  const int64_t n = 1500;  // Several chunks, the last one short.
  const at::Tensor logits = at::randn({n, 11});
  const at::Tensor answers = at::randint(11, {n}, at::kLong);
  const at::Tensor x = logits.clone().requires_grad_(true), y = logits.clone().requires_grad_(true);
  cross_entropy(x, at::arange(n), answers).backward();
  at::cross_entropy_loss(y.to(at::kDouble), answers).backward();
  // The tolerance is float32 rounding of numbers below 1e-3.
  EXPECT_LE((x.grad() - y.grad()).abs().max().item<double>(), 1e-10);
}

TEST(CrossEntropy, RefusesRowsAndAnswersOutOfRange) {
  const Case c = shared_rows(at::kFloat);
  EXPECT_INPUT_ERROR(cross_entropy(c.logits, c.rows + 1, c.answers), "row 5 is not in [0, 5)");
  EXPECT_INPUT_ERROR(cross_entropy(c.logits, c.rows, c.answers + 1), "answer 7 is not in [0, 7)");
  EXPECT_INPUT_ERROR(cross_entropy(c.logits, c.rows, c.answers.slice(0, 1)), "do not belong together");
}

TEST(TopTokenAccuracy, CountsEveryExampleOfASharedRow) {
  const at::Tensor logits = at::eye(3);
  EXPECT_DOUBLE_EQ(top_token_accuracy(logits, at::tensor({0, 0, 0, 2}, at::kLong), at::tensor({0, 0, 1, 1}, at::kLong)),
                   0.5);
}

}  // namespace
}  // namespace cprobe
