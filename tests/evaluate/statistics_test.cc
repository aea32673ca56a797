#include "cprobe/evaluate/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cprobe {
namespace {

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

TEST(PValue, CountsControlsAtLeastAsHarmful) {
  EXPECT_EQ(p_value(.5, {.9, .5, .4, .6}), 3.0 / 5) << ".5 and .4 do as much harm";
  EXPECT_EQ(p_value(.1, {.9, .5, .4, .6}), 1.0 / 5) << "never 0";
  EXPECT_EQ(p_value(.1, {}), 1);
}

}  // namespace
}  // namespace cprobe
