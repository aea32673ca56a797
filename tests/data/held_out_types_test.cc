#include "cprobe/data/held_out_types.h"

#include <set>

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

/// Types 0 to n - 1 of one part, whose values are given.
Types made_types(const std::vector<int64_t>& values, const std::vector<int64_t>& blocks = {}) {
  const auto n = std::ssize(values);
  Types types{.parts = {"token 0"}, .positions = {0}, .n_values = {n}};
  types.part_of_type = at::arange(n).unsqueeze(1);
  types.value = at::tensor(values, at::kLong);
  types.is_known = at::ones({n}, at::kBool);
  if (!blocks.empty()) types.block = at::tensor(blocks, at::kLong);
  return types;
}

/// 20 types of the values 0 and 1 in turn.
Types twenty(int64_t first = 0) {
  std::vector<int64_t> values;
  for (int64_t type = 0; type < 20; ++type) values.push_back((first + type) % 2);
  return made_types(values);
}

at::Tensor rows(int64_t n_types, int64_t times = 3) {
  return at::arange(n_types).repeat({times});
}

std::vector<int64_t> held(const at::Tensor& held_out) {
  const at::Tensor types = held_out.nonzero().squeeze(1);
  return {types.data_ptr<int64_t>(), types.data_ptr<int64_t>() + types.numel()};
}

TEST(HeldOutTypes, AreAShareOfThoseThatTrainingRowsHave) {
  for (const auto& [share, n] : {std::pair(.1, 2), {.2, 4}, {.5, 10}, {.01, 1}}) {
    EXPECT_EQ(std::ssize(held(held_out_types(twenty(), rows(20), share, "v"))), n) << share;
  }
  const at::Tensor of_ten = held_out_types(twenty(), rows(10), .4, "v");
  EXPECT_EQ(held(of_ten).size(), 4u) << "of the ten types with training rows";
  EXPECT_LT(held(of_ten).back(), 10);
}

TEST(HeldOutTypes, AreNoneWhereNothingIsHeldOut) {
  EXPECT_FALSE(held_out_types(twenty(), rows(20), 0, "v").defined());
  Types each_row = twenty();
  each_row.parts.clear();
  EXPECT_FALSE(held_out_types(each_row, rows(20), .2, "v").defined()) << "test rows share no type with training rows";
}

TEST(HeldOutTypes, AreTheSameForAllVariablesOfTheseTypes) {
  const std::vector<int64_t> first = held(held_out_types(twenty(), rows(20), .3, "v"));
  EXPECT_EQ(held(held_out_types(twenty(1), rows(20), .3, "w")), first);
  EXPECT_EQ(held(held_out_types(twenty(), rows(20, 7), .3, "v")), first) << "whatever the rows";
  Types others = twenty();
  others.parts = {"token 1"};
  EXPECT_NE(held(held_out_types(others, rows(20), .3, "v")), first);
}

TEST(HeldOutTypes, AreWholeBlocks) {
  std::vector<int64_t> values, blocks;
  for (int64_t type = 0; type < 30; ++type) {
    values.push_back(type % 3);
    blocks.push_back(type / 3);
  }
  const std::vector<int64_t> out = held(held_out_types(made_types(values, blocks), rows(30), .2, "v"));
  ASSERT_EQ(out.size(), 6u) << "two of ten blocks";
  std::set<int64_t> of;
  for (const int64_t type : out) of.insert(type / 3);
  EXPECT_EQ(of.size(), 2u);
}

TEST(HeldOutTypes, LeaveEachValueTwoTypesAndHaveTwoValues) {
  // Five values of four types each: a third of all draws of five types take three of one value.
  std::vector<int64_t> values;
  for (int64_t type = 0; type < 20; ++type) values.push_back(type % 5);
  const Types types = made_types(values);
  for (const double share : {.1, .25, .35}) {
    const at::Tensor out = held_out_types(types, rows(20), share, "v");
    EXPECT_TRUE(may_hold_out(types.value, rows(20), out));
    std::vector<int64_t> left(5, 4);
    std::set<int64_t> of_values;
    for (const int64_t type : held(out)) {
      --left[static_cast<size_t>(type % 5)];
      of_values.insert(type % 5);
    }
    EXPECT_THAT(left, Each(::testing::Ge(2))) << share;
    EXPECT_GE(of_values.size(), 2u) << share;
  }
}

TEST(HeldOutTypes, AreRefusedWithTheValueThatCannotSpareOne) {
  // The squares of a number and of its negative: two types each, but one of 0.
  std::vector<int64_t> squares;
  for (int64_t a = 0; a < 11; ++a) squares.push_back(a * a % 11);
  EXPECT_INPUT_ERROR(
      held_out_types(made_types(squares), rows(11), .2, "a^2"),
      "evaluate.held_out_types 0.2: 'a^2' cannot spare 2 of its 11 types (token 0). Each value must keep "
      "two types to train on, and those held out must have two values; the value 0 has 1 type in the "
      "training data. Hold out fewer, or none (0)");
  EXPECT_INPUT_ERROR(held_out_types(made_types({0, 0, 0, 0, 7, 7}), rows(6), .5, "v"), "the value 7 has 2 types");
}

TEST(MayHoldOut, AsksForTwoTypesOfEachValueAndTwoValuesHeldOut) {
  const at::Tensor values = at::tensor({0, 0, 0, 1, 1, 1}, at::kLong);
  const auto may = [&](const std::vector<int64_t>& types) {
    at::Tensor out = at::zeros({6}, at::kBool);
    for (const int64_t type : types) out[type] = true;
    return may_hold_out(values, rows(6), out);
  };
  EXPECT_TRUE(may({0, 3}));
  EXPECT_TRUE(may({0})) << "one type has one value";
  EXPECT_FALSE(may({0, 1})) << "0 keeps one type";
  EXPECT_TRUE(may_hold_out(values, rows(6), {})) << "nothing is held out";
  EXPECT_FALSE(may_hold_out(at::tensor({0, 0, 0, 0, 1, 1, 1}, at::kLong), rows(7),
                            at::tensor({1, 1, 0, 0, 0, 0, 0}, at::kLong).to(at::kBool)))
      << "held out of one value only";
}

TEST(HeldOutTypes, DivideRows) {
  const at::Tensor out = at::tensor({0, 1, 0, 1}, at::kLong).to(at::kBool);
  const at::Tensor train = at::tensor({0, 1, 0, 1, 1}, at::kLong), test = at::tensor({3, 2, 1, 0, 2}, at::kLong);
  const auto list = [](const at::Tensor& numbers) {
    return std::vector<int64_t>(numbers.data_ptr<int64_t>(), numbers.data_ptr<int64_t>() + numbers.numel());
  };
  EXPECT_THAT(list(rows_not_held_out(train, out)), ElementsAre(0, 2));
  EXPECT_THAT(list(rows_of_unseen_types(test, train, out)), ElementsAre(0, 1, 2, 4)) << "type 2 has no training row";
}

}  // namespace
}  // namespace cprobe
