#include "cprobe/record/judged_words.h"

#include <gtest/gtest.h>

#include <tuple>

namespace cprobe {
namespace {

JudgedFinding yes(const std::string& types, const std::string& null_kind) {
  JudgedFinding finding{.types = types, .null_kind = null_kind};
  finding.present = {.answer = VerdictWord::kYes, .p_adjusted = .05, .words = "yes"};
  finding.made_here = finding.weights_needed = finding.present;
  return finding;
}

TEST(JudgedWords, SayBeyondChanceWhereNullVariablesAreUnlikeTheVariable) {
  struct Case {
    const char* types;
    const char* null_kind;
    bool is_weak;
  };
  const Case cases[] = {{"token 0", "permuted tokens", false},
                        {"token 0 and token 1", "permuted tokens", false},
                        {"column noun", "shuffled types", false},
                        {"word 1 and word 2", "shuffled types", true},
                        {"each row", "shuffled rows", true}};
  for (const Case& c : cases) {
    const JudgedFinding finding = yes(c.types, c.null_kind);
    const char* word = c.is_weak ? "beyond chance" : "yes";
    EXPECT_EQ(answer_word(finding, &JudgedFinding::present), word) << c.types;
    EXPECT_EQ(answer_words(finding, &JudgedFinding::made_here), word) << c.types;
    EXPECT_EQ(answer_word(finding, &JudgedFinding::weights_needed), "yes") << "random sets are no null variables";
    EXPECT_EQ(is_present(finding), !c.is_weak) << c.types;
    EXPECT_EQ(is_plain_yes(finding, &JudgedFinding::present), !c.is_weak) << c.types;
  }
}

TEST(JudgedWords, KeepWhatBelongsToAnAnswer) {
  JudgedFinding finding = yes("each row", "shuffled rows");
  finding.present.words = "yes, for these types";
  EXPECT_EQ(answer_words(finding, &JudgedFinding::present), "beyond chance, for these types");
  finding.present = {.answer = VerdictWord::kNo, .words = "no: this search finds at most 0.031"};
  EXPECT_EQ(answer_words(finding, &JudgedFinding::present), "no: this search finds at most 0.031");
  EXPECT_EQ(answer_word(finding, &JudgedFinding::present), "no");
  EXPECT_EQ(answer_words({}, &JudgedFinding::present), "not tested");
}

TEST(JudgedWords, SayRandomSetsWhereTheseAreTooFew) {
  JudgedFinding finding;
  finding.present.answer = finding.weights_needed.answer = finding.sufficient.answer = VerdictWord::kTooFewTypes;
  EXPECT_EQ(answer_word(finding, &JudgedFinding::present), "too few types");
  EXPECT_EQ(answer_words(finding, &JudgedFinding::weights_needed), "too few random sets");
  EXPECT_EQ(answer_words(finding, &JudgedFinding::sufficient), "too few random sets");
}

TEST(JudgedWords, SayWhatAYesAboutExchangeIsNoEvidenceOf) {
  JudgedFinding finding = yes("token 0", "permuted tokens");
  finding.through_component = finding.through_units = finding.present;
  finding.moved = 1;
  finding.null_moved = .1;
  finding.chosen_units.answer = VerdictWord::kYes;
  for (const Question question : {&JudgedFinding::through_component, &JudgedFinding::through_units}) {
    EXPECT_EQ(answer_word(finding, question), "yes");
    EXPECT_TRUE(is_plain_yes(finding, question));
  }
  finding.moved = finding.null_moved = .6;
  EXPECT_EQ(answer_word(finding, &JudgedFinding::through_component), "yes") << "two answers of five take other routes";
  finding.moved = 1;
  finding.null_moved = .95;
  finding.chosen_units.answer = VerdictWord::kSmall;
  EXPECT_EQ(answer_word(finding, &JudgedFinding::through_component), "yes, but the only route");
  EXPECT_EQ(answer_word(finding, &JudgedFinding::through_units), "yes, units that carry the token");
  for (const Question question : {&JudgedFinding::through_component, &JudgedFinding::through_units}) {
    EXPECT_FALSE(is_plain_yes(finding, question));
  }
}

TEST(JudgedWords, PresentIsYesOrOfUndecidedSize) {
  JudgedFinding finding = yes("token 0", "permuted tokens");
  for (const auto& [answer, p, expected] :
       {std::tuple(VerdictWord::kYes, .05, true), std::tuple(VerdictWord::kUndecided, .05, true),
        std::tuple(VerdictWord::kUndecided, .1, false), std::tuple(VerdictWord::kSmall, .05, false),
        std::tuple(VerdictWord::kNo, .5, false)}) {
    finding.present.answer = answer;
    finding.present.p_adjusted = p;
    EXPECT_EQ(is_present(finding), expected) << to_string(answer) << " " << p;
  }
  finding = yes("token 0", "permuted tokens");
  finding.present.is_for_these_types_only = true;
  EXPECT_TRUE(is_present(finding));
  EXPECT_FALSE(is_plain_yes(finding, &JudgedFinding::present));
}

TEST(JudgedWords, NameRulesThatAreNotTheDefaults) {
  JudgedFinding finding = yes("token 0", "permuted tokens");
  finding.present.n_findings = 8;
  finding.present.n_null = 19;
  EXPECT_EQ(rules_note({finding}, {}), "");
  EXPECT_EQ(rules_note({finding}, {.smallest_effect = .1}),
            "p <= .05 is adjusted for a run's findings about one question and data set (maxT), and an effect counts "
            "from 0.1 on.\n");
  const JudgeOptions holm{.correction = Correction::kHolm};
  EXPECT_EQ(rules_note({finding}, holm),
            "p <= .05 is adjusted for a run's findings about one question and data set (Holm's method), and an effect "
            "counts from 0.05 on. With 8 "
            "findings that takes 159 nulls: with 19, no p can be .05 or less.\n");
  finding.present.n_null = 159;
  EXPECT_EQ(rules_note({finding}, holm), rules_words(holm) + ".\n");
}

}  // namespace
}  // namespace cprobe
