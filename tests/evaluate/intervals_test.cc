#include "cprobe/evaluate/intervals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "cprobe/evaluate/quantiles.h"
#include "tests/evaluate/null_families.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::kMostOf2000;
using testing::RandomNumbers;

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();
constexpr Bounds kShare{0, 1};
constexpr Bounds kDifference{-1, 1};
constexpr Bounds kUnbounded{-1e6, 1e6};

std::vector<TypeMean> types_with(const std::vector<double>& means) {
  std::vector<TypeMean> types;
  for (const double mean : means) types.push_back({.mean = mean});
  return types;
}

void expect_interval(const Interval& found, double lower, double upper, double tolerance = 1e-9) {
  EXPECT_NEAR(found.lower, lower, tolerance);
  EXPECT_NEAR(found.upper, upper, tolerance);
}

TEST(Quantiles, AreThoseOfPublishedTables) {
  EXPECT_NEAR(t_quantile(.975, 1), 12.7062, 5e-5);
  EXPECT_NEAR(t_quantile(.975, 7), 2.3646, 5e-5);
  EXPECT_NEAR(t_quantile(.975, 18), 2.1009, 5e-5);
  EXPECT_NEAR(t_quantile(.95, 30), 1.6973, 5e-5);
  EXPECT_NEAR(t_quantile(.975, 1e9), 1.959964, 5e-7);
  EXPECT_NEAR(normal_quantile(.975), 1.959964, 5e-7);
  EXPECT_NEAR(beta_quantile(.5, 1, 1), .5, 1e-12);
  EXPECT_NEAR(beta_quantile(.025, 20, 1), std::pow(.025, 1. / 20), 1e-12);
  EXPECT_NEAR(t_quantile(.025, 4.5), -t_quantile(.975, 4.5), 1e-12) << "need not be whole";
}

TEST(Quantiles, RefuseArgumentsOutOfRange) {
  EXPECT_FAILED_ERROR(t_quantile(1, 5), "out of range");
  EXPECT_FAILED_ERROR(t_quantile(.5, 0), "out of range");
  EXPECT_FAILED_ERROR(t_quantile(kNoNumber, 5), "out of range");
  EXPECT_FAILED_ERROR(beta_quantile(.5, 0, 1), "out of range");
  EXPECT_FAILED_ERROR(normal_quantile(0), "out of range");
}

TEST(ClopperPearson, IsThatOfPublishedTables) {
  struct Row {
    int64_t n_successes, n;
    double lower, upper;
  };
  for (const Row& row : std::vector<Row>{{0, 10, 0, .3085},
                                         {1, 10, .0025, .4450},
                                         {5, 10, .1871, .8129},
                                         {10, 10, .6915, 1},
                                         {8, 20, .1912, .6395},
                                         {20, 20, .8316, 1}}) {
    const Bounds found = clopper_pearson(row.n_successes, row.n);
    EXPECT_NEAR(found.lower, row.lower, 5e-5) << row.n_successes << " of " << row.n;
    EXPECT_NEAR(found.upper, row.upper, 5e-5) << row.n_successes << " of " << row.n;
  }
  EXPECT_FAILED_ERROR(clopper_pearson(0, 0), "0 trials");
  EXPECT_FAILED_ERROR(clopper_pearson(3, 2), "3 successes");
}

TEST(IntervalOverTypes, IsStudentsT) {
  const Interval found = interval_over_types(types_with({.1, .2, .3, .4, .5, .6, .7, .8}), {}, kShare);
  const double half = 2.364624252 * std::sqrt(.06 / 8);  // The variance of the eight means is .06.
  expect_interval(found, .45 - half, .45 + half);
  EXPECT_EQ(found.n_types, 8);
  EXPECT_FALSE(found.is_approximate);
  EXPECT_FALSE(found.is_for_these_types_only);
}

TEST(IntervalOverTypes, AddsTheErrorOfTheNullsMean) {
  const std::vector<double> nulls = {.1, .2, .3, .4};  // Variance .05 / 3.
  const Interval found = interval_over_types(types_with({.1, .2, .3, .4, .5, .6, .7, .8}), nulls, kDifference);
  const double half = 3.182446305 * std::sqrt(.06 / 8 + .05 / 3 / 4);  // df = 4 - 1.
  expect_interval(found, .45 - half, .45 + half);
}

TEST(IntervalOverTypes, WeighsTypes) {
  std::vector<TypeMean> types = types_with({.1, .2, .3, .4, .5, .6, .7, .8});
  for (TypeMean& type : types) type.weight = 3;
  const Interval equal = interval_over_types(types, {}, kShare);
  EXPECT_NEAR(equal.lower, interval_over_types(types_with({.1, .2, .3, .4, .5, .6, .7, .8}), {}, kShare).lower, 1e-12);
  types.front().weight = 9;
  EXPECT_NEAR(interval_over_types(types, {}, kShare).mean, (3 * .1 + 3.5) / 10, 1e-12);
  types.front().weight = 1e6;
  const Interval one_type_counts = interval_over_types(types, {}, kShare);
  expect_interval(one_type_counts, 0, 1);
}

/// The interval's half width from the definition of V: a sum over pairs of types.
double half_width_over_pairs(const std::vector<TypeMean>& types, double n_units) {
  double mean = 0, variance = 0;
  const auto n = static_cast<double>(types.size());
  for (const TypeMean& type : types) mean += type.mean / n;
  for (const TypeMean& a : types) {
    for (const TypeMean& b : types) {
      const bool share = std::ranges::any_of(
          a.tokens, [&](int64_t token) { return std::ranges::find(b.tokens, token) != b.tokens.end(); });
      if (share) variance += (a.mean - mean) * (b.mean - mean) / (n * n);
    }
  }
  return t_quantile(.975, n_units - 1) * std::sqrt(variance * n_units / (n_units - 1));
}

/// Pairs of n_first x n_second tokens, with an effect of each token.
std::vector<TypeMean> drawn_pairs(RandomNumbers& random, int64_t n_first, int64_t n_second, bool same_tokens) {
  std::vector<double> first, second;
  for (int64_t i = 0; i < n_first; ++i) first.push_back(random.normal());
  for (int64_t j = 0; j < n_second; ++j)
    second.push_back(same_tokens ? first[static_cast<size_t>(j)] : random.normal());
  std::vector<TypeMean> pairs;
  for (int64_t i = 0; i < n_first; ++i) {
    for (int64_t j = 0; j < n_second; ++j) {
      pairs.push_back({.mean = first[static_cast<size_t>(i)] + second[static_cast<size_t>(j)] + random.normal(),
                       .tokens = {i, same_tokens ? j : n_first + j}});
    }
  }
  return pairs;
}

TEST(IntervalOverTypes, TakesPairsWithATokenInCommonForAlike) {
  RandomNumbers random(1);
  for (const bool same_tokens : {false, true}) {
    const std::vector<TypeMean> pairs = drawn_pairs(random, 12, 9, same_tokens);
    const Interval found = interval_over_types(pairs, {}, kUnbounded);
    EXPECT_EQ(found.n_types, 9) << "the position with fewer tokens";
    EXPECT_NEAR((found.upper - found.lower) / 2, half_width_over_pairs(pairs, 9), 1e-9) << same_tokens;
  }
}

TEST(IntervalOverTypes, OfThreeTokensIsTheSameSum) {
  RandomNumbers random(2);
  std::vector<double> effects;
  for (int i = 0; i < 24; ++i) effects.push_back(random.normal());
  std::vector<TypeMean> triples;
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 8; j < 16; ++j) {
      for (int64_t k = 16; k < 24; ++k) {
        const auto effect = [&](int64_t token) { return effects[static_cast<size_t>(token)]; };
        triples.push_back({.mean = effect(i) + effect(j) + effect(k) + random.normal(), .tokens = {i, j, k}});
      }
    }
  }
  const Interval found = interval_over_types(triples, {}, kUnbounded);
  EXPECT_NEAR((found.upper - found.lower) / 2, half_width_over_pairs(triples, 8), 1e-9);
}

TEST(IntervalOverTypes, IsNeverNarrowerThanIfNothingWereShared) {
  // Opposite means within each token cancel: the sum over tokens is 0.
  std::vector<TypeMean> pairs;
  for (int64_t i = 0; i < 10; ++i) {
    for (int64_t j = 0; j < 10; ++j) pairs.push_back({.mean = (i + j) % 2 == 0 ? .25 : .75, .tokens = {i, 10 + j}});
  }
  const Interval found = interval_over_types(pairs, {}, kShare);
  EXPECT_NEAR((found.upper - found.lower) / 2, t_quantile(.975, 9) * std::sqrt(.0625 / 100 * 10 / 9), 1e-9);
}

TEST(IntervalOverTypes, TakesWholeBlocks) {
  std::vector<TypeMean> types;
  for (int64_t block = 0; block < 10; ++block) {
    const double mean = .3 + .04 * static_cast<double>(block);
    for (int form = 0; form < 3; ++form) types.push_back({.mean = mean, .tokens = {block}});
  }
  const Interval found = interval_over_types(types, {}, kShare);
  EXPECT_EQ(found.n_types, 10);
  std::vector<double> means;
  for (int block = 0; block < 10; ++block) means.push_back(.3 + .04 * block);
  const Interval of_blocks = interval_over_types(types_with(means), {}, kShare);
  expect_interval(found, of_blocks.lower, of_blocks.upper);
}

TEST(IntervalOverTypes, OfTypesThatAreAlikeIsClopperAndPearsons) {
  const Interval ones = interval_over_types(types_with(std::vector<double>(20, 1)), {}, kShare);
  expect_interval(ones, clopper_pearson(20, 20).lower, 1);
  EXPECT_FALSE(ones.is_approximate) << "exact";
  const Interval zeros = interval_over_types(types_with(std::vector<double>(9, 0)), {}, kShare);
  expect_interval(zeros, 0, clopper_pearson(0, 9).upper);
  // .3085 of the types may be of another kind, at either end of the range.
  expect_interval(interval_over_types(types_with(std::vector<double>(10, 0)), {}, kDifference), -.3085, .3085, 5e-5);
  // Nulls that vary can only widen that.
  const Interval beside = interval_over_types(types_with(std::vector<double>(20, 1)), std::vector{0., .9, 0.}, kShare);
  EXPECT_LT(beside.lower, ones.lower);
}

TEST(IntervalOverTypes, OfFewTypesIsForTheseOnly) {
  const std::vector<TypeMean> types = {{.mean = .4, .n_rows = 10, .row_sd = .3},
                                       {.mean = .8, .n_rows = 20, .row_sd = .2}};
  const Interval found = interval_over_types(types, {}, kShare);
  const double a = .25 * .09 / 10, b = .25 * .04 / 20;
  const double df = (a + b) * (a + b) / (a * a / 9 + b * b / 19);
  const double half = t_quantile(.975, df) * std::sqrt(a + b);
  expect_interval(found, .6 - half, .6 + half);
  EXPECT_TRUE(found.is_for_these_types_only);
  EXPECT_FALSE(found.is_approximate) << "30 rows";
  EXPECT_EQ(found.n_types, 2);
}

TEST(IntervalOverTypes, OfOneTypeWhoseRowsAreAlikeIsClopperAndPearsons) {
  const Interval found = interval_over_types(std::vector<TypeMean>{{.mean = 1, .n_rows = 12}}, {}, kShare);
  expect_interval(found, clopper_pearson(12, 12).lower, 1);
  EXPECT_TRUE(found.is_for_these_types_only);
}

TEST(IntervalOverTypes, IsTheWholeRangeWhereNothingIsKnown) {
  expect_interval(interval_over_types(types_with({.5}), {}, kShare), 0, 1);
  expect_interval(interval_over_types(types_with({.5, .6, .7}), {}, kDifference), -1, 1);
  const std::vector<double> one_null = {.2};
  expect_interval(interval_over_types(types_with({.1, .2, .3, .4, .5, .6, .7, .8}), one_null, kShare), 0, 1);
}

TEST(IntervalOverTypes, IsCutOffAtTheRangeAndSaysWhereItIsRough) {
  std::vector<double> means(12, 1);
  means.front() = .5;
  const Interval found = interval_over_types(types_with(means), {}, kShare);
  EXPECT_EQ(found.upper, 1);
  EXPECT_TRUE(found.is_approximate);
  means.resize(60, .95);
  EXPECT_TRUE(interval_over_types(types_with(means), {}, kShare).is_approximate) << "60 types, .05 from the end";
  means.resize(150, .95);
  EXPECT_FALSE(interval_over_types(types_with(means), {}, kShare).is_approximate) << "150 types";
  EXPECT_FALSE(interval_over_types(types_with({.3, .4, .5, .6, .7, .3, .4, .5}), {}, kShare).is_approximate);
}

TEST(IntervalOverTypes, RefusesWhatMakesNoSense) {
  EXPECT_FAILED_ERROR(interval_over_types({}, {}, kShare), "no types");
  EXPECT_FAILED_ERROR(interval_over_types(types_with({.5, kNoNumber}), {}, kShare), "nan");
  EXPECT_FAILED_ERROR(interval_over_types(types_with({.5}), std::vector{kNoNumber}, kShare), "nan");
  EXPECT_FAILED_ERROR(interval_over_types(types_with({1.5}), {}, kShare), "1.5");
  EXPECT_FAILED_ERROR(interval_over_types(std::vector<TypeMean>{{.mean = 1, .weight = 0}}, {}, kShare), "weight 0");
  EXPECT_FAILED_ERROR(interval_over_types(std::vector<TypeMean>{{.mean = 1, .n_rows = 0}}, {}, kShare), "0 rows");
  EXPECT_FAILED_ERROR(interval_over_types(std::vector<TypeMean>{{.tokens = {1}}, {.tokens = {}}}, {}, kShare),
                      "tokens");
  EXPECT_FAILED_ERROR(interval_over_types(std::vector<TypeMean>{{.tokens = {1, 2, 3, 4}}}, {}, kShare), "at most 3");
}

/// Expects 2,000 intervals to miss `truth` at most as often as 95 % intervals may.
void expect_coverage(double truth, const std::function<Interval()>& draw) {
  int64_t n_missed = 0;
  for (int i = 0; i < 2000; ++i) {
    const Interval interval = draw();
    n_missed += truth < interval.lower || truth > interval.upper ? 1 : 0;
  }
  EXPECT_LE(n_missed, kMostOf2000);
}

TEST(IntervalOverTypes, CoversTheMeanOfNormalTypesBesideNulls) {
  RandomNumbers random(3);
  for (const int64_t n_types : {8, 20, 57}) {
    SCOPED_TRACE(n_types);
    expect_coverage(.5, [&] {
      std::vector<double> nulls;
      for (int b = 0; b < 19; ++b) nulls.push_back(.2 + .1 * random.normal());
      double null_mean = 0;
      for (const double null : nulls) null_mean += null / 19;
      std::vector<TypeMean> types;
      for (int64_t g = 0; g < n_types; ++g) types.push_back({.mean = .7 + .1 * random.normal() - null_mean});
      return interval_over_types(types, nulls, kUnbounded);
    });
  }
}

TEST(IntervalOverTypes, CoversTheMeanOfPairsWhoseTokensHaveEffects) {
  RandomNumbers random(4);
  for (const bool same_tokens : {false, true}) {
    SCOPED_TRACE(same_tokens);
    expect_coverage(0, [&] { return interval_over_types(drawn_pairs(random, 40, 40, same_tokens), {}, kUnbounded); });
  }
}

TEST(IntervalOverTypes, CoversWhatOnlySomeTypesHave) {
  RandomNumbers random(5);
  for (const int64_t n_types : {10, 20, 40}) {
    SCOPED_TRACE(n_types);
    expect_coverage(.95, [&] {
      std::vector<TypeMean> types;
      for (int64_t g = 0; g < n_types; ++g) types.push_back({.mean = random.below(20) == 0 ? 0.0 : 1.0});
      return interval_over_types(types, {}, kShare);
    });
  }
}

TEST(IntervalOverModels, IsNeverNarrowerThanWithinModels) {
  const Interval narrow{.mean = .5, .lower = .4, .upper = .7, .n_types = 20};
  const std::optional<Interval> same = interval_over_models(std::vector<Interval>(4, narrow), kShare);
  ASSERT_TRUE(same.has_value());
  expect_interval(*same, .4, .7);
  Interval other = narrow;
  other.mean = .9;
  other.is_approximate = true;
  const std::optional<Interval> three = interval_over_models(std::vector{narrow, narrow, other}, kUnbounded);
  ASSERT_TRUE(three.has_value());
  const double half = 4.30265273 * std::sqrt(.16 / 3) / std::sqrt(3);
  expect_interval(*three, 1.9 / 3 - half, 1.9 / 3 + half, 1e-8);
  EXPECT_TRUE(three->is_approximate);
}

TEST(IntervalOverModels, NeedsThreeModels) {
  const Interval one{.mean = .5, .lower = .4, .upper = .7, .n_types = 20};
  EXPECT_EQ(interval_over_models(std::vector{one}, kShare), one);
  EXPECT_EQ(interval_over_models(std::vector{one, one}, kShare), std::nullopt);
  EXPECT_FAILED_ERROR(interval_over_models({}, kShare), "no models");
  EXPECT_FAILED_ERROR(interval_over_models(std::vector{one, one, Interval{.mean = kNoNumber}}, kShare), "nan");
}

}  // namespace
}  // namespace cprobe
