#include "cprobe/evaluate/exchange_effect.h"

#include "tests/support.h"

namespace cprobe {
namespace {

Outcomes answering(const std::vector<int64_t>& tokens) {
  return {.answer = at::tensor(tokens, at::kLong)};
}

/// Answers to ten rows, which the untouched model answers with 0 and whose donors it answers with
/// 1, if an exchange moves the first `n` of them.
Moved moved_rows(int64_t n) {
  const at::Tensor exchanged = (at::arange(10) < n).to(at::kLong);
  return moved({.answer = exchanged}, {.answer = at::zeros({10}, at::kLong)}, {.answer = at::ones({10}, at::kLong)});
}

TEST(Moved, CountsRowsWhoseDonorHasAnotherAnswer) {
  const Outcomes base = answering({1, 1, 1, 1, 1}), donor = answering({2, 2, 2, 1, 1});
  const Moved found = moved(answering({2, 1, 3, 1, 2}), base, donor);
  EXPECT_EQ(found.n_counted(), 3);
  EXPECT_TRUE(at::equal(found.counted, at::tensor({1, 1, 1, 0, 0}).to(at::kBool)));
  EXPECT_TRUE(at::equal(found.to_donor, at::tensor({1, 0, 0, 0, 0}).to(at::kBool))) << "3 is nobody's answer";
  EXPECT_EQ(found.share(), 1.0 / 3);
}

TEST(Moved, HasNoShareWhereNoRowCounts) {
  const Outcomes same = answering({1, 2});
  const Moved none = moved(answering({2, 2}), same, same);
  EXPECT_EQ(none.n_counted(), 0);
  EXPECT_FALSE(none.share().has_value());
  EXPECT_FALSE(relative_to_whole(none, none).has_value());
}

TEST(Moved, IsRelatedToTheWholeWhereThatMovesEnough) {
  EXPECT_EQ(relative_to_whole(moved_rows(2), moved_rows(8)), 0.25);
  EXPECT_EQ(relative_to_whole(moved_rows(0), moved_rows(2)), 0) << "exactly a fifth is enough";
  EXPECT_DOUBLE_EQ(relative_to_whole(moved_rows(3), moved_rows(2)).value(), 1.5) << "a part may move more";
  EXPECT_FALSE(relative_to_whole(moved_rows(1), moved_rows(1)).has_value());
  EXPECT_FALSE(relative_to_whole(moved_rows(0), moved_rows(0)).has_value());
}

TEST(KeptAnswers, AreTheSameWhetherRightOrWrong) {
  const at::Tensor kept = kept_answers(answering({1, 2, 3, 4}), answering({1, 2, 4, 3}));
  EXPECT_TRUE(at::equal(kept, at::tensor({1, 1, 0, 0}).to(at::kBool)));
  EXPECT_EQ(share_of_rows(kept), 0.5);
}

}  // namespace
}  // namespace cprobe
