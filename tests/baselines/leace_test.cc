#include "cprobe/baselines/leace.h"

#include <algorithm>
#include <limits>
#include <string>

#include "cprobe/core/seed.h"
#include "cprobe/io/safetensors.h"
#include "tests/shared_folder.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

/// Correlated states, float64, whose mean depends on the class.
struct Example {
  at::Tensor states;
  at::Tensor labels;
};
Example example(int64_t n, int64_t d, int64_t n_classes) {
  at::Generator generator = Seed(4).generator();
  const auto normal = [&](int64_t rows) { return at::randn({rows, d}, generator, at::kDouble); };
  const at::Tensor independent = normal(n), mixing = normal(d), means = normal(n_classes), offset = normal(1);
  const at::Tensor place = at::arange(n) % n_classes;
  return {at::mm(independent, mixing) + 2 * means.index_select(0, place) + 5 * offset, place * 10 - 7};
}

/// Largest difference, in any coordinate, between the mean of a class and the mean of all states.
double between_classes(const at::Tensor& states, const at::Tensor& labels) {
  const at::Tensor classes = std::get<0>(at::_unique(labels));
  double largest = 0;
  for (int64_t i = 0; i < classes.size(0); ++i) {
    const at::Tensor rows = labels.eq(classes[i]).nonzero().squeeze(1);
    const at::Tensor difference = states.index_select(0, rows).mean(0) - states.mean(0);
    largest = std::max(largest, difference.abs().max().item<double>());
  }
  return largest;
}

TEST(Leace, EqualsTheAuthorsLibrary) {
  const std::filesystem::path path = testing::shared_folder() / "golden/eval/leace.safetensors";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << testing::not_shared(path);
  const SafetensorsFile golden = SafetensorsFile::open(path);
  const int64_t n = golden.tensor("n_fit").item<int64_t>();
  const at::Tensor labels = golden.tensor("z").narrow(0, 0, n);
  for (const std::string name : {"full", "deficient"}) {
    const at::Tensor x = golden.tensor(name + ".x");
    for (const std::string option : {"shrink", "plain"}) {
      SCOPED_TRACE(name + " " + option);
      const Eraser eraser = fit_leace(x.narrow(0, 0, n), labels, {.shrinkage = option == "shrink"});
      const at::Tensor erased = eraser.erase(x.narrow(0, n, x.size(0) - n));
      // cprobe computes in float64. The recorded values were rounded to float32.
      EXPECT_TRUE(agree(eraser.bias, golden.tensor(name + ".bias"), 1e-6));
      EXPECT_TRUE(agree(eraser.projection(), golden.tensor(name + "." + option + ".projection"), 1e-6));
      EXPECT_TRUE(agree(erased, golden.tensor(name + "." + option + ".erased"), 1e-6));
    }
  }
}

class LeaceWith : public ::testing::TestWithParam<bool> {
 protected:
  const LeaceOptions options_{.shrinkage = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shrinkage, LeaceWith, ::testing::Bool());

TEST_P(LeaceWith, LetsTheClassMeansCoincide) {
  const auto [states, labels] = example(90, 6, 3);
  EXPECT_GT(between_classes(states, labels), 1);
  const Eraser eraser = fit_leace(states, labels, options_);
  EXPECT_EQ(eraser.rank(), 2);
  const at::Tensor erased = eraser.erase(states);
  EXPECT_LT(between_classes(erased, labels), 1e-12);
  EXPECT_TRUE(agree(erased.mean(0), states.mean(0), 1e-12));
}

TEST(Leace, ErasesManyClassesByTheirCorrelationOnly) {
  // States are functions of their class. W S_xz has singular values of 1 / sqrt(classes).
  for (const auto& [n_classes, n_erased] : {std::pair<int64_t, int64_t>(100, 2), {12'000, 0}}) {
    const at::Tensor labels = at::arange(2 * n_classes).remainder(n_classes);
    const at::Tensor states = at::randn({n_classes, 2}, Seed(0).generator(), at::kDouble).repeat({2, 1});
    EXPECT_EQ(fit_leace(states, labels).rank(), n_erased) << n_classes;
    EXPECT_EQ(fit_leace(states, labels, {.whitens_classes = true}).rank(), 2) << n_classes;
  }
}

TEST(Leace, SpansTheSameDirectionsWithEitherTolerance) {
  const auto [states, labels] = example(90, 6, 3);
  const Leace by_classes(states, {}), by_correlation(states, {.whitens_classes = true});
  const at::Tensor unequal = labels.masked_fill(at::arange(90).lt(40), 0);
  for (const at::Tensor& of : {labels, unequal}) {
    EXPECT_TRUE(agree(by_classes.eraser(of).projection(), by_correlation.eraser(of).projection(), 1e-10));
    EXPECT_TRUE(agree(by_classes.eraser(of).projection(), fit_leace(states, of).projection(), 0));
  }
}

TEST_P(LeaceWith, ErasesNothingMoreTheSecondTime) {
  const auto [states, labels] = example(90, 6, 3);
  const Eraser eraser = fit_leace(states, labels, options_);
  const at::Tensor once = eraser.erase(states);
  EXPECT_TRUE(agree(eraser.erase(once), once, 1e-12));
  const at::Tensor p = eraser.projection();
  EXPECT_TRUE(agree(at::mm(p, p), p, 1e-12));
}

TEST_P(LeaceWith, LeavesStatesAloneThatDoNotTellTheClass) {
  const at::Tensor some = example(20, 6, 2).states.to(at::kFloat);
  const at::Tensor states = at::cat({some, some});
  const Eraser both_classes_alike = fit_leace(states, at::arange(40).ge(20).to(at::kLong), options_);
  EXPECT_EQ(both_classes_alike.rank(), 0);
  EXPECT_TRUE(at::equal(both_classes_alike.erase(states), states));
  const at::Tensor corners = at::tensor({1., 1., 1., -1., -1., 1., -1., -1.}, at::kDouble).view({4, 2});
  const Eraser exclusive_or = fit_leace(corners, at::tensor({0, 1, 1, 0}, at::kLong), options_);
  EXPECT_EQ(exclusive_or.rank(), 0);
  EXPECT_TRUE(at::equal(exclusive_or.erase(corners), corners));
}

TEST_P(LeaceWith, HasNothingToEraseWithOneClass) {
  const at::Tensor states = example(20, 6, 1).states;
  const Eraser eraser = fit_leace(states, at::full({20}, 3, at::kLong), options_);
  EXPECT_EQ(eraser.rank(), 0);
  EXPECT_TRUE(at::equal(eraser.erase(states), states));
}

TEST_P(LeaceWith, WorksWithFewerStatesThanDimensions) {
  const auto [states, labels] = example(6, 20, 2);
  const Eraser eraser = fit_leace(states, labels, options_);
  EXPECT_EQ(eraser.rank(), 1);
  EXPECT_LT(between_classes(eraser.erase(states), labels), 1e-11);
}

TEST_P(LeaceWith, LeavesConstantFeaturesConstant) {
  auto [states, labels] = example(90, 6, 3);
  states.select(1, 2).fill_(0.1);
  const at::Tensor erased = fit_leace(states, labels, options_).erase(states);
  EXPECT_LT(between_classes(erased, labels), 1e-12);
  EXPECT_TRUE(agree(erased.select(1, 2), states.select(1, 2), 1e-12));
  const at::Tensor equal = at::full({90, 6}, 0.1);
  const Eraser of_equal = fit_leace(equal, labels, options_);
  EXPECT_EQ(of_equal.rank(), 0);
  EXPECT_TRUE(at::equal(of_equal.erase(equal), equal));
}

TEST_P(LeaceWith, ErasesEveryDirectionWhereManyClassesSpanThem) {
  const auto [states, labels] = example(90, 3, 9);
  const Eraser eraser = fit_leace(states, labels, options_);
  EXPECT_EQ(eraser.rank(), 3);
  EXPECT_TRUE(agree(eraser.erase(states), eraser.bias.expand({90, 3}), 1e-12));
}

// One of four states (+-3, +-1) has a class of its own. So S_xz lies along v = (3, 1), and
// P = I - v r' / (r'v) with r = S_xx^-1 v.
TEST_P(LeaceWith, WhitensByTheCovarianceAsItIsShrunk) {
  const at::Tensor states = at::tensor({3., 1., 3., -1., -3., 1., -3., -1.}, at::kDouble).view({4, 2});
  // S_xx = diag(9, 1) has the weight 1 - 10^2 / 4 / (4^2 + 4^2) = 7 / 32, and diag(5, 5) has the
  // rest.
  const double x = GetParam() ? 5.875 : 9, y = GetParam() ? 4.125 : 1;
  const at::Tensor v = at::tensor({3., 1.}, at::kDouble), r = at::tensor({3 / x, 1 / y}, at::kDouble);
  const at::Tensor expected = at::eye(2, at::kDouble) - at::outer(v, r) / r.dot(v);
  EXPECT_TRUE(agree(fit_leace(states, at::tensor({1, 0, 0, 0}, at::kLong), options_).projection(), expected, 1e-12));
}

TEST(Leace, ErasesTheSameAtAnyScaleUnlessAnEpsilonIsAdded) {
  const auto [states, labels] = example(90, 6, 3);
  const at::Tensor p = fit_leace(states, labels).projection();
  EXPECT_TRUE(agree(fit_leace(states * 1e-3, labels).projection(), p, 1e-9));
  EXPECT_TRUE(agree(fit_leace(states, labels, {.shrinkage_epsilon = 1e-12}).projection(), p, 1e-9));
  // This epsilon shrinks all covariance away. With a multiple of the identity in its place, P is
  // symmetric.
  const at::Tensor shrunk = fit_leace(states * 1e-3, labels, {.shrinkage_epsilon = 1e-7}).projection();
  EXPECT_TRUE(agree(shrunk, shrunk.t(), 1e-6));
  EXPECT_FALSE(agree(p, p.t(), 0.01));
}

TEST(Leace, MovesStatesLessThanTheOrthogonalProjectionDoes) {
  const Example e = example(90, 6, 2);
  const Eraser eraser = fit_leace(e.states, e.labels, {.shrinkage = false});
  const at::Tensor direction = e.states.index_select(0, at::arange(0, 90, 2)).mean(0) - e.states.mean(0);
  const at::Tensor unit = (direction / direction.norm()).unsqueeze(1);
  const Eraser orthogonal{.bias = eraser.bias, .write = unit, .read = unit.t()};
  EXPECT_LT(between_classes(orthogonal.erase(e.states), e.labels), 1e-12);
  const auto moved = [&](const Eraser& by) { return (by.erase(e.states) - e.states).square().sum().item<double>(); };
  EXPECT_LT(moved(eraser), 0.9 * moved(orthogonal));
}

TEST(Leace, LeavesDirectionsThatHardlyCorrelate) {
  const at::Tensor states = at::cat({at::full({200, 1}, -1, at::kDouble), at::ones({200, 1}, at::kDouble)});
  // Class 1 has 100 - n_more states at -1, and 100 + n_more states at 1. The singular value is
  // sqrt(2) times the covariance of state and class, n_more / 200.
  const auto rank = [&](int64_t n_more) {
    const at::Tensor labels = at::zeros({400}, at::kLong);
    labels.narrow(0, 0, 100 - n_more).fill_(1);
    labels.narrow(0, 200, 100 + n_more).fill_(1);
    return fit_leace(states, labels).rank();
  };
  EXPECT_EQ(rank(1), 0);
  EXPECT_EQ(rank(2), 1);
}

TEST(Leace, TakesItsToleranceForACorrelation) {
  const at::Tensor states = at::cat({at::full({200, 1}, -1, at::kDouble), at::ones({200, 1}, at::kDouble)});
  // Class 1 has 100 - n_more states at -1, and 100 + n_more at 1: the correlation is n_more / 100.
  const auto rank = [&](int64_t n_more, double tolerance) {
    const at::Tensor labels = at::zeros({400}, at::kLong);
    labels.narrow(0, 0, 100 - n_more).fill_(1);
    labels.narrow(0, 200, 100 + n_more).fill_(1);
    return fit_leace(states, labels, {.whitens_classes = true, .tolerance = tolerance}).rank();
  };
  EXPECT_EQ(rank(24, .25), 0);
  EXPECT_EQ(rank(26, .25), 1);
  EXPECT_EQ(rank(24, .2), 1);
}

TEST(Leace, RefusesWhatHasNoCovariance) {
  const at::Tensor states = at::ones({3, 2});
  EXPECT_INPUT_ERROR(fit_leace(states, at::zeros({2}, at::kLong)), "LEACE: 3 states, but 2 labels");
  EXPECT_INPUT_ERROR(fit_leace(states.narrow(0, 0, 1), at::zeros({1}, at::kLong)), "at least 2 states, found 1");
  at::Tensor broken = states.clone();
  broken[1][0] = std::numeric_limits<float>::infinity();
  EXPECT_INPUT_ERROR(fit_leace(broken, at::zeros({3}, at::kLong)), "LEACE: state 1 of 3 is not finite");
}

TEST(Eraser, KeepsTheDtypeOfTheStates) {
  const auto [states, labels] = example(90, 6, 3);
  const Eraser eraser = fit_leace(states, labels);
  const at::Tensor erased = eraser.erase(states.to(at::kFloat));
  EXPECT_EQ(erased.scalar_type(), at::kFloat);
  EXPECT_TRUE(agree(erased, eraser.erase(states), 1e-6));
}

TEST(RandomEraser, ProjectsARandomSubspaceAwayAroundAPoint) {
  at::Generator generator = Seed(0).generator();
  const at::Tensor about = at::arange(7, at::kDouble);
  const Eraser eraser = random_eraser(about, 3, generator);
  const at::Tensor p = eraser.projection();
  EXPECT_EQ(eraser.rank(), 3);
  EXPECT_TRUE(agree(p, p.t(), 1e-12));
  EXPECT_TRUE(agree(at::mm(p, p), p, 1e-12));
  EXPECT_NEAR(p.trace().item<double>(), 4, 1e-12);
  EXPECT_TRUE(agree(eraser.erase(about.unsqueeze(0)), about.unsqueeze(0), 1e-12));
  EXPECT_FALSE(agree(random_eraser(about, 3, generator).projection(), p, 0.1));
}

}  // namespace
}  // namespace cprobe
