#include "cprobe/reproduce/answers_table.h"

#include <sstream>

#include "cprobe/evaluate/statistics.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
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
  const std::string text = answers_table({"variable"}, {{{"a^2"}, {&one, &other}}, {{"b^2"}, {&one, &one}}});
  EXPECT_THAT(text, ContainsRegex("a\\^2 +0.500 +0.020 +0.400 +1 no; 1 yes +- +2 received +token 0"));
  EXPECT_THAT(text, ContainsRegex("b\\^2 +0.900 +0.020 +0.050 +2 yes +- +2 received +token 0"));
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

/// A finding whose variable is told with this accuracy; 19 nulls with about .1.
JudgedFinding told(double accuracy) {
  JudgedFinding finding{.variable = "v", .component = {0, Block::kMlp}, .received_from = "token 0"};
  JudgedQuestion& present = finding.present;
  present = {.answer = accuracy > .2 ? VerdictWord::kYes : VerdictWord::kNo, .statistic = accuracy, .n_null = 19};
  for (int b = -9; b <= 9; ++b) present.nulls.push_back(.1 + .001 * b);
  present.null_mean = spread(present.nulls).mean;
  present.p_adjusted = accuracy > .2 ? .05 : .55;
  present.lower = accuracy - .1 - .02;
  present.upper = accuracy - .1 + .02;
  present.n_types = 56;
  return finding;
}

std::string table_of(const std::vector<double>& accuracies) {
  std::vector<JudgedFinding> models;
  for (const double accuracy : accuracies) models.push_back(told(accuracy));
  AnswersLine line{{"a^2"}, {}};
  for (const JudgedFinding& model : models) line.findings.push_back(&model);
  return answers_table({"variable"}, {line});
}

TEST(AnswersTable, OfThreeModelsHasThePAndTheIntervalOverModels) {
  const std::string table = table_of({.9, .9, .9});
  EXPECT_THAT(table, AllOf(HasSubstr("p(2 of 3 models)"), HasSubstr("beyond nulls, over models"), HasSubstr("a^2"),
                           HasSubstr("3 yes"), HasSubstr("0.780 to 0.820")));
  EXPECT_THAT(table, Not(HasSubstr("One model")));
}

TEST(AnswersTable, OfTwoModelsHasNoInterval) {
  const std::string table = table_of({.9, .1});
  EXPECT_THAT(table, AllOf(HasSubstr("p(2 of 2 models)"), HasSubstr("1 no; 1 yes"), HasSubstr("0.550")));
  EXPECT_THAT(table, Not(HasSubstr("over models ")));
}

TEST(AnswersTable, OfOneModelSaysSo) {
  const std::string table = table_of({.9});
  EXPECT_THAT(table, Not(HasSubstr("models)")));
  EXPECT_THAT(table, HasSubstr("One model: the answers are about this model.\n"));
  std::istringstream lines(table);
  std::string heading;
  std::getline(lines, heading);
  EXPECT_THAT(heading, HasSubstr("present"));
}

}  // namespace
}  // namespace cprobe
