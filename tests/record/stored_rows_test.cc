#include "cprobe/record/stored_rows.h"

#include <cmath>
#include <limits>

#include "tests/support.h"

namespace cprobe {
namespace {

template <typename Row>
Row there_and_back(const Row& row) {
  Row back;
  decode(encode(row), back);
  return back;
}

TEST(RowCodec, DecodesWhatItEncoded) {
  const Metric metric{.metric = "m",
                      .value = 0.1,
                      .n = -7,
                      .sd = std::numeric_limits<double>::denorm_min(),
                      .control = "random",
                      .draws = {1.0 / 3, 2, 1e300},
                      .note = "é"};
  EXPECT_EQ(there_and_back(metric), metric);
  EXPECT_EQ(there_and_back(Metric{.p = 0.25}), (Metric{.p = 0.25}));
  const ResultField text{"name", "", true}, number{"x y", "1.0", false};
  EXPECT_EQ(there_and_back(text), text);
  EXPECT_EQ(there_and_back(number), number);
  const EpochRecord epoch{.loss = 1.0 / 3, .objective = -0.0, .l0_term = 1e-320, .temperature = 200, .n_kept = 1 << 30};
  EXPECT_EQ(there_and_back(epoch), epoch);
}

TEST(RowCodec, TakesNaNForNone) {
  EXPECT_TRUE(std::holds_alternative<std::monostate>(encode(Metric{.value = std::nan("")})[1]));
  EXPECT_TRUE(std::isnan(there_and_back(Metric{.value = std::nan("")}).value));
  EXPECT_FALSE(there_and_back(Metric{.sd = std::nan("")}).sd.has_value());
}

TEST(RowCodec, ReadsRowsOfEarlierVersionsWithoutDrawsAndIntervals) {
  RowValues values = encode(Metric{.metric = "m", .lower = 1, .upper = 2, .draws = {1, 2}});
  ASSERT_EQ(values.size(), 10u);
  for (size_t i = 7; i < 10; ++i) values[i] = {};
  Metric metric;
  decode(values, metric);
  EXPECT_TRUE(metric.draws.empty());
  EXPECT_FALSE(metric.lower.has_value());
  EXPECT_FALSE(metric.upper.has_value());
}

TEST(RowCodec, RefusesRowsOfOtherColumns) {
  Metric metric;
  EXPECT_FAILED_ERROR(decode(RowValues{std::string("m")}, metric), "a row of 1 values");
  RowValues values = encode(metric);
  values[2] = std::string("seven");
  EXPECT_FAILED_ERROR(decode(values, metric), "of another type");
}

}  // namespace
}  // namespace cprobe
