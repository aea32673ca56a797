#include "cprobe/evaluate/power.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "cprobe/evaluate/quantiles.h"
#include "tests/evaluate/null_families.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::family_of;
using testing::RandomNumbers;

TEST(LeastAdjustedP, OfMaxTDoesNotGrowWithTheFamily) {
  EXPECT_EQ(least_adjusted_p(19, 24, Correction::kMaxT), .05);
  EXPECT_EQ(least_adjusted_p(19, 1, Correction::kHolm), .05);
  EXPECT_EQ(least_adjusted_p(19, 10, Correction::kHolm), .5);
  EXPECT_EQ(least_adjusted_p(19, 24, Correction::kHolm), 1);
  EXPECT_EQ(least_adjusted_p(0, 24, Correction::kMaxT), 1) << "no nulls";
}

TEST(LeastNulls, MakeTheLeastPSignificant) {
  for (const Correction correction : {Correction::kMaxT, Correction::kHolm}) {
    for (const int64_t n_cells : {1, 8, 24}) {
      const int64_t least = least_nulls(n_cells, correction);
      EXPECT_LE(least_adjusted_p(least, n_cells, correction), .05) << n_cells;
      EXPECT_GT(least_adjusted_p(least - 1, n_cells, correction), .05) << n_cells;
    }
  }
  EXPECT_EQ(least_nulls(8, Correction::kHolm), 159);
  EXPECT_FAILED_ERROR(least_nulls(0, Correction::kMaxT), "0 cells");
}

TEST(LeastDetectable, IsFoundAsOftenAsItSays) {
  RandomNumbers random(1);
  for (const int64_t n_nulls : {19, 99}) {
    for (const int64_t n_cells : {1, 20}) {
      for (const double null_sd : {.01, .1}) {
        const LeastDetectable least =
            least_detectable({.n_types = 20, .n_nulls = n_nulls, .n_cells = n_cells, .null_sd = null_sd});
        ASSERT_TRUE(least.by_p.has_value());
        int64_t n_found = 0;
        for (int i = 0; i < 1000; ++i) {
          std::vector<BesideNulls> family =
              family_of(n_cells, n_nulls, [&](int64_t, int64_t) { return null_sd * random.normal(); });
          family.front().value += *least.by_p;
          n_found += max_t(family, .05).front().is_significant() ? 1 : 0;
        }
        EXPECT_GE(n_found, 720) << n_nulls << " nulls, " << n_cells << " cells, null sd " << null_sd;
        EXPECT_LE(n_found, 880) << n_nulls << " nulls, " << n_cells << " cells, null sd " << null_sd;
      }
    }
  }
}

TEST(LeastDetectable, ByHolmsMethodIsFoundAsOftenAsItSays) {
  RandomNumbers random(2);
  for (const auto& [n_nulls, n_cells] : {std::pair<int64_t, int64_t>{19, 1}, {99, 1}, {99, 5}, {399, 20}}) {
    const LeastDetectable least = least_detectable(
        {.n_types = 20, .n_nulls = n_nulls, .n_cells = n_cells, .null_sd = .1, .correction = Correction::kHolm});
    ASSERT_TRUE(least.by_p.has_value());
    int64_t n_found = 0;
    for (int i = 0; i < 1000; ++i) {
      std::vector<BesideNulls> family =
          family_of(n_cells, n_nulls, [&](int64_t, int64_t) { return .1 * random.normal(); });
      family.front().value += *least.by_p;
      n_found += holm(family).front().is_significant() ? 1 : 0;
    }
    EXPECT_GE(n_found, 720) << n_nulls << " nulls, " << n_cells << " cells";
    EXPECT_LE(n_found, 880) << n_nulls << " nulls, " << n_cells << " cells";
  }
  EXPECT_EQ(least_detectable({.n_types = 20, .n_nulls = 99, .n_cells = 6, .correction = Correction::kHolm}).by_p,
            std::nullopt)
      << "six cells take 119 nulls";
}

TEST(LeastDetectable, ByIntervalIsTwoQuantilesAboveTheSmallestEffect) {
  const LeastDetectable least =
      least_detectable({.n_types = 57, .n_nulls = 19, .type_sd = .2, .null_sd = .02, .smallest_effect = .05});
  const double error = std::sqrt(.04 / 57 + .0004 / 19);
  EXPECT_NEAR(least.by_interval.value(), .05 + (t_quantile(.975, 18) + t_quantile(.8, 18)) * error, 1e-12);
  EXPECT_EQ(least.effect(), std::max(*least.by_p, *least.by_interval));
}

TEST(LeastDetectable, IsNothingWhereNothingCanBeTold) {
  EXPECT_EQ(least_detectable({.n_types = 57, .n_nulls = 18}).by_p, std::nullopt) << "too few nulls";
  EXPECT_EQ(least_detectable({.n_types = 57, .n_nulls = 18}).effect(), std::nullopt);
  EXPECT_EQ(least_detectable({.n_types = 7, .n_nulls = 19}).by_interval, std::nullopt) << "too few types";
  EXPECT_EQ(least_detectable({.n_types = 0, .n_nulls = 0}).effect(), std::nullopt);
  EXPECT_EQ(least_detectable({.n_types = 57, .n_nulls = 19}).by_p, 0) << "nulls that never vary are told from anything";
}

TEST(LeastDetectable, RefusesWhatMakesNoSense) {
  EXPECT_FAILED_ERROR(least_detectable({.n_types = 8, .n_nulls = 19, .power = 1}), "power 1");
  EXPECT_FAILED_ERROR(least_detectable({.n_types = 8, .n_nulls = 19, .n_cells = 0}), "0 cells");
  EXPECT_FAILED_ERROR(least_detectable({.n_nulls = 19, .null_sd = std::numeric_limits<double>::quiet_NaN()}), "nan");
  EXPECT_FAILED_ERROR(least_adjusted_p(-1, 1, Correction::kMaxT), "-1 nulls");
}

TEST(TypesToDecide, ShrinkTheInterval) {
  const Interval undecided{.mean = .10, .lower = .0, .upper = .2, .n_types = 20};
  EXPECT_EQ(types_to_decide(undecided, .05), 80) << "half the width takes four times the types";
  EXPECT_EQ(types_to_decide({.mean = .03, .lower = -.01, .upper = .07, .n_types = 20}, .05), 80);
  EXPECT_EQ(types_to_decide({.mean = .3, .lower = .2, .upper = .4, .n_types = 20}, .05), 20) << "decided";
  EXPECT_EQ(types_to_decide({.mean = .05, .lower = 0, .upper = .1, .n_types = 20}, .05), std::nullopt);
}

}  // namespace
}  // namespace cprobe
