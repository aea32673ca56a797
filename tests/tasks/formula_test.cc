#include "cprobe/tasks/formula.h"

#include <gtest/gtest.h>

#include "cprobe/core/euclidean_remainder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

const std::vector<std::string> kSymbols = {"a", "b", "p"};

std::optional<int64_t> value_of(const std::string& text, std::vector<int64_t> values = {5, 7, 113}) {
  return Formula(text, kSymbols, "task.yaml:3:9").evaluate(values);
}

TEST(Formula, BindsOperatorsAsPythonDoes) {
  EXPECT_EQ(value_of("-b^2"), -49);
  EXPECT_EQ(value_of("(-b)^2"), 49);
  EXPECT_EQ(value_of("a - -b"), 12);
  EXPECT_EQ(value_of("a^2 - b^2"), -24);
  EXPECT_EQ(value_of("a + b % 4"), 8);
  EXPECT_EQ(value_of("a * b % 4"), 3);    // (a * b) % 4
  EXPECT_EQ(value_of("9 % 5 * 2"), 8);    // (9 % 5) * 2
  EXPECT_EQ(value_of("30 % 16 % 5"), 4);  // From the left.
  EXPECT_EQ(value_of("b % 2^2"), 3);
  EXPECT_EQ(value_of("2^a % 10"), 2);
  EXPECT_EQ(value_of("-b^2 % p"), 64);  // (-(b^2)) % p
  EXPECT_EQ(value_of("-b % p"), 106);
}

TEST(Formula, TakesTheEuclideanRemainder) {
  EXPECT_EQ(value_of("-1 % 113"), 112);
  EXPECT_EQ(value_of("(0 - 1) % p"), 112);
  EXPECT_EQ(value_of("-113 % 113"), 0);
  EXPECT_EQ(value_of("(a - b) % (0 - 113)"), 111);
  EXPECT_EQ(euclidean_remainder(-1, 113), 112);
  EXPECT_EQ(euclidean_remainder(-226, 113), 0);
  EXPECT_EQ(euclidean_remainder(114, 113), 1);
}

TEST(Formula, HasNoValueWhereItIsNotWholeAndExact) {
  EXPECT_EQ(value_of("a / 2"), std::nullopt);
  EXPECT_EQ(value_of("a % 0"), std::nullopt);
  EXPECT_EQ(value_of("a / 0"), std::nullopt);
  EXPECT_EQ(value_of("2^53"), std::nullopt);
  EXPECT_EQ(value_of("2^53 - 1"), (int64_t{1} << 53) - 1);
  EXPECT_EQ(value_of("3^60 % p"), std::nullopt);  // Rounded before the remainder is taken.
  EXPECT_EQ(value_of("(a / 2) % p"), std::nullopt);
}

TEST(Formula, DoesNotLetAnInnerRoundingPass) {
  EXPECT_EQ(value_of("((a + 1)^8 - a^8) % p", {112, 0, 113}), std::nullopt) << "113^8 is beyond 2^53, the rest is not";
  EXPECT_EQ(value_of("2^53 + 1 - 2^53"), std::nullopt);
  EXPECT_EQ(value_of("3 * 3002399751580331 - 2^53"), std::nullopt) << "2^53 + 1 as a product";
  EXPECT_EQ(value_of("2^53 - 2^52"), int64_t{1} << 52);
  EXPECT_EQ(value_of("(a^30 % p) == 5"), std::nullopt) << "no comparison of what has no value";
  EXPECT_EQ(value_of("(a^30 % p) != 5 || 1"), std::nullopt);
  EXPECT_EQ(value_of("rint((a + b) / 5)"), 2) << "quotients need not be whole inside";
}

TEST(Formula, FollowsItsSymbols) {
  Formula formula("a * b % p", kSymbols, "here");
  for (int64_t a = 0; a < 20; ++a) {
    for (int64_t b = 0; b < 20; ++b) {
      EXPECT_EQ(formula.evaluate(std::vector<int64_t>{a, b, 17}), a * b % 17);
    }
  }
  EXPECT_EQ(formula.text(), "a * b % p");
}

TEST(Formula, SurvivesAMove) {
  std::vector<Formula> formulas;
  for (int i = 0; i < 10; ++i) {
    formulas.emplace_back("a + b", kSymbols, "here");
  }
  EXPECT_EQ(formulas.front().evaluate(std::vector<int64_t>{1, 2, 3}), 3);
}

TEST(Formula, SaysWhereItIsWrong) {
  EXPECT_INPUT_ERROR(value_of("a + bb"), "task.yaml:3:9: formula 'a + bb', character 5: unknown symbol 'bb'");
  EXPECT_INPUT_ERROR(value_of("a + bb"), "did you mean 'b'?");
  EXPECT_INPUT_ERROR(value_of("(a + b"), "task.yaml:3:9: formula '(a + b'");
  EXPECT_INPUT_ERROR(value_of("a +* b"), "character 4");
  EXPECT_INPUT_ERROR(value_of(""), "task.yaml:3:9");
  EXPECT_INPUT_ERROR(value_of("a, b"), "2 values");
  EXPECT_INPUT_ERROR(value_of("a = 3"), "character 3: '=' cannot assign");
  EXPECT_INPUT_ERROR(value_of("a > 3 ? 1 : 2"), "character 7: '?' is not supported");
  EXPECT_EQ(value_of("a == 5"), 1);
  EXPECT_EQ(value_of("a != 5 || b > 6 && p >= 113"), 1);
  EXPECT_EQ(value_of("a <= 4"), 0);
}

}  // namespace
}  // namespace cprobe
