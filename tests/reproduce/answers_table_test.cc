#include "cprobe/reproduce/answers_table.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

JudgedFinding finding(VerdictWord present, double accuracy, double p) {
  JudgedFinding made{.variable = "var_0", .component = {0, Block::kAttention}, .data = "Test", .types = "token 0"};
  made.null_kind = "permuted tokens";
  made.received_from = "token 0";
  made.present = {.answer = present, .statistic = accuracy, .null_mean = .02, .n_null = 19, .p_adjusted = p};
  made.made_here.answer = VerdictWord::kReceived;
  return made;
}

TEST(AnswersTable, HasMeansAndCountsOverModelsAndTheWorstP) {
  const JudgedFinding one = finding(VerdictWord::kYes, .9, .05), other = finding(VerdictWord::kNo, .1, .4);
  const std::string text = answers_table({"variable"}, {{{"a^2"}, {&one, &other}}, {{"b^2"}, {&one}}});
  EXPECT_THAT(text, ContainsRegex("a\\^2 +0.500 +0.020 +0.400 +1 no; 1 yes +2 received +token 0"));
  EXPECT_THAT(text, ContainsRegex("b\\^2 +0.900 +0.020 +0.050 +yes +received +token 0"));
  EXPECT_THAT(text, Not(HasSubstr("keep"))) << "nothing was exchanged";
}

TEST(AnswersTable, HasALineForEachThatWasExchanged) {
  JudgedFinding one = finding(VerdictWord::kYes, .9, .05);
  const JudgedFinding other = one;
  one.through_component = {.answer = VerdictWord::kPartly, .statistic = .7, .null_mean = .01};
  one.keep = .8;
  const std::string text = answers_table({"variable"}, {{{"a^2"}, {&one}}, {{"b^2"}, {&other}}});
  EXPECT_THAT(text, ContainsRegex("a\\^2 +0.700 +0.010 +0.800 +- +partly"));
  EXPECT_THAT(text.substr(text.find("keep")), Not(HasSubstr("b^2")));
}

TEST(FindingOf, NamesWhatIsMissing) {
  const std::vector<JudgedFinding> findings = {finding(VerdictWord::kYes, .9, .05)};
  EXPECT_EQ(&finding_of(findings, "var_0", "attn", "Test"), &findings[0]);
  EXPECT_FAILED_ERROR(finding_of(findings, "var_0", "mlp", "Test"), "var_0 was not probed in the mlp block on Test");
}

}  // namespace
}  // namespace cprobe
