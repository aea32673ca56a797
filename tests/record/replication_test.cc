#include "cprobe/record/replication.h"

#include <gmock/gmock.h>

#include "cprobe/evaluate/statistics.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

/// A question with 19 nulls around .1, .001 apart, and an interval .04 wide.
JudgedQuestion judged(double value) {
  JudgedQuestion question{.answer = VerdictWord::kYes, .statistic = value};
  for (int b = -9; b <= 9; ++b) question.nulls.push_back(.1 + .001 * b);
  question.null_mean = spread(question.nulls).mean;
  question.n_null = 19;
  question.p_adjusted = .05;
  question.n_findings = 1;
  question.lower = value - *question.null_mean - .02;
  question.upper = value - *question.null_mean + .02;
  question.n_types = 56;
  return question;
}

JudgedFinding finding(double value) {
  JudgedFinding made{.variable = "v"};
  made.present = made.weights_needed = judged(value);
  return made;
}

TEST(Replication, IsTheCombinedPWithTheModelsValuesAndInterval) {
  const JudgedFinding models[] = {finding(.9), finding(.8), finding(.1)};
  const auto found = replications({{&models[0], &models[1], &models[2]}}, &JudgedFinding::present, {});
  ASSERT_EQ(found.size(), 1u);
  ASSERT_TRUE(found[0].has_value());
  EXPECT_EQ(found[0]->n_models, 3);
  EXPECT_EQ(found[0]->n_with_effect, 2) << "a majority";
  EXPECT_EQ(found[0]->n_findings, 1);
  EXPECT_THAT(found[0]->values, ElementsAre(.9, .8, .1));
  std::vector<std::vector<BesideNulls>> families;
  std::vector<Interval> within;
  for (const JudgedFinding& model : models) {
    const JudgedQuestion& q = model.present;
    families.push_back({{*q.statistic, q.nulls}});
    within.push_back({.mean = *q.statistic - *q.null_mean, .lower = *q.lower, .upper = *q.upper, .n_types = 56});
  }
  EXPECT_EQ(found[0]->p, replicated(families, 2, .05).front());
  EXPECT_EQ(found[0]->interval,
            interval_over_models(within, {0 - *models[0].present.null_mean, 1 - *models[0].present.null_mean}));
  EXPECT_EQ(p_words(*found[0]), "p(2 of 3 models) = 0.050");
  EXPECT_EQ(p_words({.n_models = 3, .n_with_effect = 2, .p = {0, 9'999}}), "p(2 of 3 models) < 0.001");
}

TEST(Replication, HasAnIntervalWithinWhatTheStatisticCanBe) {
  const JudgedFinding models[] = {finding(.9), finding(.9), finding(.1)};
  const auto over = [&](Question question) {
    return replications({{&models[0], &models[1], &models[2]}}, question, {}).at(0)->interval.value();
  };
  EXPECT_NEAR(over(&JudgedFinding::present).upper, .9, 1e-12) << "1 - the nulls' mean, .1";
  EXPECT_NEAR(over(&JudgedFinding::present).lower, -.1, 1e-12);
  EXPECT_NEAR(over(&JudgedFinding::weights_needed).upper, .9, 1e-12);
  EXPECT_LT(over(&JudgedFinding::weights_needed).lower, -.1);
  JudgedFinding carry = finding(.9);
  carry.through_units = judged(.9);
  carry.moved = .5;
  JudgedFinding less = carry;
  less.through_units = judged(-1.9);
  const Interval units =
      replications({{&carry, &carry, &less}}, &JudgedFinding::through_units, {}).at(0)->interval.value();
  EXPECT_NEAR(units.upper, 1.9, 1e-12) << "a share of a whole that moves a half is at most 2";
  EXPECT_NEAR(units.lower, -2.1, 1e-12);
}

TEST(Replication, OfTwoModelsHasNoInterval) {
  const JudgedFinding models[] = {finding(.9), finding(.8)};
  const auto found = replications({{&models[0], &models[1]}}, &JudgedFinding::weights_needed, {});
  ASSERT_TRUE(found.at(0).has_value());
  EXPECT_EQ(found[0]->n_with_effect, 2);
  EXPECT_EQ(found[0]->interval, std::nullopt);
}

TEST(Replication, CountsAllFindingsThatAllModelsHave) {
  const JudgedFinding there = finding(.9), missing, nothing = finding(.1);
  JudgedFinding undefined = finding(.9), no_nulls = finding(.9);
  undefined.present.answer = VerdictWord::kNotDefined;
  no_nulls.present.p_adjusted.reset();
  const std::vector<FindingOfModels> findings = {{&there, &there},   {&nothing, &there},   {&there, nullptr},
                                                 {&missing, &there}, {&undefined, &there}, {&there, &no_nulls}};
  const auto found = replications(findings, &JudgedFinding::present, {});
  ASSERT_EQ(found.size(), 6u);
  ASSERT_TRUE(found[0] && found[1]);
  EXPECT_EQ(found[0]->n_findings, 2);
  EXPECT_TRUE(found[0]->p.is_significant());
  EXPECT_FALSE(found[1]->p.is_significant()) << "one of two models has nothing";
  for (size_t f = 2; f < 6; ++f) EXPECT_FALSE(found[f].has_value()) << f;
  for (const auto& none : replications(findings, &JudgedFinding::through_units, {})) EXPECT_FALSE(none.has_value());
  EXPECT_TRUE(replications({}, &JudgedFinding::present, {}).empty());
}

TEST(Replication, TakesFiguresOfVariablesThatAreNotPresent) {
  const JudgedFinding there = finding(.9);
  JudgedFinding not_asked = finding(.9);
  not_asked.present.answer = VerdictWord::kNotTested;  // with its figures
  EXPECT_TRUE(is_tested(not_asked, &JudgedFinding::present));
  EXPECT_FALSE(is_answered(not_asked, &JudgedFinding::present));
  EXPECT_TRUE(is_answered(there, &JudgedFinding::present));
  EXPECT_TRUE(replications({{&there, &not_asked}}, &JudgedFinding::present, {}).at(0).has_value());
}

TEST(Replication, FollowsTheRulesOfJudging) {
  const JudgedFinding there = finding(.9);
  const std::vector<FindingOfModels> findings = {{&there, &there}};
  EXPECT_EQ(replications(findings, &JudgedFinding::present, {.correction = Correction::kHolm}).at(0)->p,
            (CountedP{1, 19}))
      << "2 * 1/20 of a family of two models";
}

}  // namespace
}  // namespace cprobe
