#include "cprobe/evaluate/count_distribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace cprobe {
namespace {

/// Rounding: 0.1 and the like have no exact double.
constexpr double kRounding = 1e-14;

void expect_probabilities(const CountDistribution& found, int64_t first, const std::vector<double>& expected) {
  EXPECT_EQ(found.first, first);
  ASSERT_EQ(found.probability.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found.probability[i], expected[i], kRounding) << "term " << i;
}

double log_choose(int64_t n, int64_t k) {
  const auto log_factorial = [](int64_t m) { return std::lgamma(static_cast<double>(m) + 1); };
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

TEST(Hypergeometric, IsWhatCountingGives) {
  // Draws two of five things, three of them marked: C(3, k) C(2, 2 - k) / C(5, 2).
  expect_probabilities(hypergeometric(5, 2, 3), 0, {1. / 10, 6. / 10, 3. / 10});
  expect_probabilities(hypergeometric(5, 3, 2), 0, {1. / 10, 6. / 10, 3. / 10});
  // Draws four of five things, three of them marked. At least two marked things are drawn.
  expect_probabilities(hypergeometric(5, 4, 3), 2, {3. / 5, 2. / 5});
}

TEST(Hypergeometric, LeavesNoChoiceToEmptyAndFullSets) {
  expect_probabilities(hypergeometric(7, 0, 3), 0, {1});
  expect_probabilities(hypergeometric(7, 7, 3), 3, {1});
  expect_probabilities(hypergeometric(7, 4, 7), 4, {1});
  expect_probabilities(hypergeometric(0, 0, 0), 0, {1});
}

TEST(Hypergeometric, EqualsTheLogGammaFormulaOnAWholeMatrix) {
  const int64_t n = 2304, n_a = 700, n_b = 1900;
  const CountDistribution found = hypergeometric(n, n_a, n_b);
  EXPECT_NEAR(std::accumulate(found.probability.begin(), found.probability.end(), 0.0), 1, 1e-13);
  for (size_t i = 0; i < found.probability.size(); ++i) {
    const int64_t k = found.first + static_cast<int64_t>(i);
    const double log_expected = log_choose(n_b, k) + log_choose(n - n_b, n_a - k) - log_choose(n, n_a);
    // Log-gamma of two thousand is exact to about 1e-12.
    EXPECT_NEAR(std::log(found.probability[i]), log_expected, 1e-10) << k;
  }
}

TEST(Hypergeometric, HasExactTailsFarFromTheMean) {
  double choose = 1;  // C(1000, 20)
  for (int i = 1; i <= 20; ++i) choose *= (980.0 + i) / i;
  const CountDistribution found = hypergeometric(1000, 20, 20);
  EXPECT_NEAR(found.at_least(20) * choose, 1, 1e-12) << "all twenty again, 3e-42";
  EXPECT_NEAR(found.at_least(19) * choose, 1 + 20 * 980, 1e-7);
}

TEST(Hypergeometric, TakesEveryWeightOfALargeMatrix) {
  const int64_t n = 768 * 3072;
  const CountDistribution found = hypergeometric(n, n / 2, n / 2);
  EXPECT_NEAR(found.at_least(n / 4), .5, 1e-3);
  EXPECT_EQ(found.at_least(n / 3), 0) << "below 1e-300";
  EXPECT_EQ(found.at_most(n / 3), 1);
  EXPECT_LT(found.probability.size(), 75 * 384u) << "384: the standard deviation, sqrt(n) / 4";
}

TEST(CountDistribution, TailsShareTheObservedValue) {
  const CountDistribution x = hypergeometric(5, 2, 3);
  EXPECT_NEAR(x.at_least(1), .9, kRounding);
  EXPECT_NEAR(x.at_most(1), .7, kRounding);
  EXPECT_EQ(x.at_least(0), 1);
  EXPECT_EQ(x.at_least(-4), 1);
  EXPECT_EQ(x.at_least(3), 0);
  EXPECT_EQ(x.at_most(2), 1);
  EXPECT_EQ(x.at_most(9), 1);
  EXPECT_EQ(x.at_most(-1), 0);
}

TEST(SumOf, AddsIndependentCounts) {
  // Adds (.1, .6, .3), which begins at 0, and (.6, .4), which begins at 2.
  expect_probabilities(sum_of(hypergeometric(5, 2, 3), hypergeometric(5, 4, 3)), 2, {.06, .40, .42, .12});
  expect_probabilities(sum_of(hypergeometric(5, 2, 3), hypergeometric(7, 7, 3)), 3, {.1, .6, .3});
}

}  // namespace
}  // namespace cprobe
