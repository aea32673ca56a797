#include "cprobe/evaluate/answers.h"

#include <gtest/gtest.h>

#include "tests/support.h"

namespace cprobe {
namespace {

constexpr double kOfInterest = 0.05;
constexpr CountedP kSignificant{.n_as_strong = 0, .n_nulls = 19};
constexpr CountedP kNotSignificant{.n_as_strong = 1, .n_nulls = 19};

TestedEffect effect_of(const CountedP& p, double lower, double upper) {
  return {.p = p, .interval = {.mean = (lower + upper) / 2, .lower = lower, .upper = upper, .n_types = 20}};
}

TEST(VerdictOn, NeedsBothAPAndASize) {
  EXPECT_EQ(verdict_on(effect_of(kSignificant, .05, .4), kOfInterest), VerdictWord::kYes);
  EXPECT_EQ(verdict_on(effect_of(kSignificant, .01, .04), kOfInterest), VerdictWord::kSmall);
  EXPECT_EQ(verdict_on(effect_of(kSignificant, .01, .4), kOfInterest), VerdictWord::kUndecided);
  EXPECT_EQ(verdict_on(effect_of(kNotSignificant, .05, .4), kOfInterest), VerdictWord::kUndecided);
  EXPECT_EQ(verdict_on(effect_of(kNotSignificant, -.1, .04), kOfInterest), VerdictWord::kNo);
  EXPECT_EQ(verdict_on(effect_of(kNotSignificant, -.1, .05), kOfInterest), VerdictWord::kUndecided);
}

TEST(VerdictOn, SaysWhatIsMissing) {
  EXPECT_EQ(verdict_on(effect_of({0, 0}, .5, .9), kOfInterest), VerdictWord::kNotTested);
  EXPECT_EQ(verdict_on(effect_of({0, 18}, .5, .9), kOfInterest), VerdictWord::kTooFewTypes);
  EXPECT_EQ(verdict_on(effect_of(kSignificant, .05, .4), kOfInterest, .05), VerdictWord::kCannotTell) << "no room";
  EXPECT_EQ(verdict_on(effect_of(kSignificant, .05, .4), kOfInterest, .06), VerdictWord::kYes);
}

TEST(MadeHere, NeedsMoreThanTheNullsGainAndMoreThanTheInputTells) {
  const TestedEffect more = effect_of(kSignificant, .3, .5), same = effect_of(kNotSignificant, -.1, .01);
  EXPECT_EQ(made_here(more, 0, kOfInterest), VerdictWord::kYes);
  EXPECT_EQ(made_here(same, 0, kOfInterest), VerdictWord::kReceived);
  EXPECT_EQ(made_here(effect_of(kSignificant, .01, .04), 0, kOfInterest), VerdictWord::kReceived);
  EXPECT_EQ(made_here(effect_of(kNotSignificant, .3, .5), 0, kOfInterest), VerdictWord::kUndecided);
  EXPECT_EQ(made_here(effect_of(kSignificant, -.1, .5), 0, kOfInterest), VerdictWord::kUndecided);
  EXPECT_EQ(made_here(effect_of({0, 0}, -1, 1), 0, kOfInterest), VerdictWord::kNotTested);
  EXPECT_EQ(made_here(effect_of({0, 5}, -1, 1), 0, kOfInterest), VerdictWord::kTooFewTypes);
}

TEST(MadeHere, IsNotWhereNullsOnlyLoseMore) {
  // D is about 0 beside nulls that lose .4: far above them, and no more than the input tells.
  EXPECT_EQ(made_here(effect_of(kSignificant, .38, .42), -.4, kOfInterest), VerdictWord::kReceived);
  EXPECT_EQ(made_here(effect_of(kSignificant, .3, .5), -.4, kOfInterest), VerdictWord::kUndecided);
  // All searches gain .3 here, so that the gain says nothing of the variable.
  EXPECT_EQ(made_here(effect_of(kNotSignificant, -.1, .01), .3, kOfInterest), VerdictWord::kUndecided);
  EXPECT_EQ(made_here(effect_of(kSignificant, .1, .2), .3, kOfInterest), VerdictWord::kYes);
}

TEST(ForShareOfRows, ReservesAYes) {
  EXPECT_EQ(for_share_of_rows(VerdictWord::kYes, .9), VerdictWord::kYes);
  EXPECT_EQ(for_share_of_rows(VerdictWord::kYes, .89), VerdictWord::kPartly);
  EXPECT_EQ(for_share_of_rows(VerdictWord::kUndecided, .1), VerdictWord::kUndecided);
}

TEST(VerdictWords, SayHowFarTheWordGoes) {
  EXPECT_EQ(verdict_words(VerdictWord::kYes, effect_of(kSignificant, .1, .4)), "yes");
  EXPECT_EQ(verdict_words(VerdictWord::kNo, effect_of(kNotSignificant, -.1, .0312)),
            "no: this search finds at most 0.031");
  EXPECT_EQ(verdict_words(VerdictWord::kUndecided, effect_of(kSignificant, .01, .4)),
            "undecided: present, size undecided");
  EXPECT_EQ(verdict_words(VerdictWord::kUndecided, effect_of(kNotSignificant, .01, .4)), "undecided");
  TestedEffect of_few_types = effect_of(kSignificant, .1, .4);
  of_few_types.interval.is_for_these_types_only = true;
  EXPECT_EQ(verdict_words(VerdictWord::kYes, of_few_types), "yes, for these types");
  EXPECT_EQ(verdict_words(VerdictWord::kCannotTell, of_few_types), "cannot tell");
}

TEST(WhatWouldDecide, NamesWhatIsInTheWay) {
  TestedEffect effect = effect_of(kNotSignificant, 0, .2);
  effect.interval.mean = .1;
  effect.interval.n_types = 20;
  EXPECT_EQ(what_would_decide(effect, kOfInterest), "about 80 types would tell whether it is 0.05 or more")
      << "as types_to_decide";
  effect.interval.lower = .06;
  effect.p = {.n_as_strong = 1, .n_nulls = 19};
  EXPECT_EQ(what_would_decide(effect, kOfInterest), "more nulls would decide") << "only p is in the way";
  effect.p = {.n_as_strong = 8, .n_nulls = 19};
  EXPECT_EQ(what_would_decide(effect, kOfInterest), "8 of 19 nulls do as well") << "and with more of them they would";
  effect.interval = {.mean = .05, .lower = 0, .upper = .1, .n_types = 20};
  EXPECT_EQ(what_would_decide(effect, kOfInterest), "too near to 0.05 for more types to decide");
  effect.interval.is_for_these_types_only = true;
  EXPECT_EQ(what_would_decide(effect, kOfInterest), "more types would decide");
  effect.interval = {.mean = 0, .lower = -.1, .upper = .04, .n_types = 20};
  EXPECT_EQ(what_would_decide(effect, kOfInterest), "") << "the size is decided";
  effect.interval = {.mean = 0, .lower = -1, .upper = 1};
  EXPECT_EQ(what_would_decide(effect, kOfInterest), "") << "no types";
}

TEST(VerdictWords, AreAllNamed) {
  EXPECT_EQ(to_string(VerdictWord::kYes), "yes");
  EXPECT_EQ(to_string(VerdictWord::kReceived), "received");
  EXPECT_EQ(to_string(VerdictWord::kTooFewTypes), "too few types");
  EXPECT_EQ(to_string(VerdictWord::kNotDefined), "not defined");
  EXPECT_EQ(to_string(VerdictWord::kNotTested), "not tested");
}

}  // namespace
}  // namespace cprobe
