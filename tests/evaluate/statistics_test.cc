#include "cprobe/evaluate/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace cprobe {
namespace {

TEST(PValue, CountsControlsAtLeastAsStrong) {
  EXPECT_EQ(p_value(.5, {.9, .5, .4, .6}, Stronger::kLower), 3.0 / 5) << ".5 and .4 do as much harm";
  EXPECT_EQ(p_value(.5, {.9, .5, .4, .6}, Stronger::kHigher), 4.0 / 5) << "all but .4 bring about as much";
  EXPECT_EQ(p_value(.1, {.9, .5, .4, .6}, Stronger::kLower), 1.0 / 5) << "never 0";
  EXPECT_EQ(p_value(1, {.9, .5, .4, .6}, Stronger::kHigher), 1.0 / 5) << "never 0";
  EXPECT_EQ(p_value(.1, {}, Stronger::kLower), 1);
}

TEST(Spread, IsMeanAndSampleDeviation) {
  const Spread three = spread({1, 2, 6});
  EXPECT_EQ(three.mean, 3);
  EXPECT_NEAR(three.sd.value(), std::sqrt((4.0 + 1 + 9) / 2), 1e-12);
  EXPECT_EQ(three.n, 3);
}

TEST(Spread, OfASingleValueHasNoDeviation) {
  EXPECT_EQ(spread({5}).mean, 5);
  EXPECT_FALSE(spread({5}).sd.has_value());
}

TEST(Spread, OfEqualValuesIsExact) {
  const Spread ones = spread(std::vector<double>(10, 1.0));
  EXPECT_EQ(ones.mean, 1);
  EXPECT_EQ(ones.sd, 0.0);
}

TEST(PNumber, IsNeverZero) {
  EXPECT_EQ(p_number(0.0004), "< 0.001");
  EXPECT_EQ(p_number(0.0005), "0.001");
}

TEST(FigureText, HasADeviationWhereThereIsOne) {
  EXPECT_EQ(figure_text(.9912, std::nullopt), "0.991");
  EXPECT_EQ(figure_text(.9912, .0034), "0.991 ± 0.003");
  EXPECT_EQ(figure_text(-1, .5, 1), "-1.0 ± 0.5");
}

void expect_holm(const std::vector<double>& p_values, const std::vector<double>& expected) {
  const std::vector<double> adjusted = holm(p_values);
  ASSERT_EQ(adjusted.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-12) << "value " << i;
}

TEST(Holm, MultipliesEachByTheNumberOfThoseNotYetRejected) {
  expect_holm({.01, .02, .2}, {.03, .04, .2});      // 3 x .01, 2 x .02, 1 x .2.
  expect_holm({.04, .005, .02}, {.04, .015, .04});  // In any order: 1 x .04 and 2 x .02.
}

TEST(Holm, NeverOrdersValuesTheOtherWay) {
  expect_holm({.01, .011, .04, .5}, {.04, .04, .08, .5});  // 3 x .011 would be below 4 x .01.
  expect_holm({.02, .02, .02}, {.06, .06, .06});           // Equal values stay equal.
}

TEST(Holm, CapsAtOneAndLeavesASingleValue) {
  expect_holm({.6, .9, .3}, {1, 1, .9});
  expect_holm({.03}, {.03});
  expect_holm({}, {});
}

TEST(Holm, LiesBetweenNoCorrectionAndBonferronis) {
  const std::vector<double> p = {.31, .004, .05, .05, .72, .0004, .12};
  const std::vector<double> adjusted = holm(p);
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_GE(adjusted[i], p[i]);
    EXPECT_LE(adjusted[i], std::min(1.0, static_cast<double>(p.size()) * p[i]) + 1e-12);
    for (size_t j = 0; j < p.size(); ++j) EXPECT_EQ(p[i] < p[j] && adjusted[i] > adjusted[j], false) << i << ", " << j;
  }
  EXPECT_NEAR(adjusted[5], 7 * .0004, 1e-12) << "the smallest takes Bonferroni's factor";
  EXPECT_EQ(adjusted[4], .72) << "the largest takes none";
}

}  // namespace
}  // namespace cprobe
