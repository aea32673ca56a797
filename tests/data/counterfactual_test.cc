#include "cprobe/data/counterfactual.h"

#include <gtest/gtest.h>

#include "tests/support.h"

namespace cprobe {
namespace {

const std::vector<std::string> kNames = {"var_0", "var_1"};

int64_t value_of(const std::string& text, std::vector<int64_t> own = {5, 7}, std::vector<int64_t> paired = {50, 70}) {
  return Counterfactual(text, kNames, "task.yaml:9:5").evaluate(own, paired, 113);
}

TEST(Counterfactual, TakesVariablesFromThePairedRow) {
  EXPECT_EQ(value_of("var_0 counter_var_1 +"), 75);
  EXPECT_EQ(value_of("counter_var_0 var_1 +"), 57);
  EXPECT_EQ(value_of("counter_var_0 var_1 *"), 350 % 113);
  EXPECT_EQ(value_of("var_0 counter_var_1 -"), 113 - 65);
  EXPECT_EQ(value_of("var_0"), 5);
  EXPECT_EQ(value_of("var_0 var_1 counter_var_1 * +"), (5 + 490) % 113);
}

TEST(Counterfactual, ReducesValuesThatAreNegativeOrHuge) {
  EXPECT_EQ(value_of("var_0 var_1 *", {-12, 101}), 113 - 12 * 101 % 113);
  const int64_t huge = (int64_t{1} << 53) - 1;
  EXPECT_EQ(value_of("var_0 var_1 *", {huge, huge}), (huge % 113) * (huge % 113) % 113);
}

TEST(Counterfactual, SaysWhatIsWrong) {
  EXPECT_INPUT_ERROR(value_of("var_0 counter_var_2 +"), "task.yaml:9:5: counterfactual");
  EXPECT_INPUT_ERROR(value_of("var_0 counter_var_2 +"), "'counter_var_2' is neither an operator");
  EXPECT_INPUT_ERROR(value_of("var_0 counter_var_2 +"), "did you mean 'counter_var_0'?");
  EXPECT_INPUT_ERROR(value_of("var_0 + var_1"), "operator '+' needs two values before it, found 1");
  EXPECT_INPUT_ERROR(value_of("var_0 var_1"), "leaves 2 values");
  EXPECT_INPUT_ERROR(value_of(""), "leaves 0 values");
}

}  // namespace
}  // namespace cprobe
