#include "cprobe/reproduce/answers_table.h"

#include <sstream>

#include "cprobe/evaluate/statistics.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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
  std::vector<std::vector<JudgedFinding>> models;
  for (const double accuracy : accuracies) models.push_back({told(accuracy)});
  return answers_table(models, {}, [](std::string_view) { return std::string_view("a^2"); });
}

TEST(AnswersTable, OfThreeModelsHasThePAndTheIntervalOverModels) {
  const std::string table = table_of({.9, .9, .9});
  EXPECT_THAT(table, AllOf(HasSubstr("p(2 of 3 models)"), HasSubstr("beyond nulls, over models"), HasSubstr("a^2"),
                           HasSubstr("3 yes"), HasSubstr("0.780 to 0.820")));
  EXPECT_THAT(table, Not(HasSubstr("One model")));
}

TEST(AnswersTable, OfTwoModelsHasNoInterval) {
  const std::string table = table_of({.9, .1});
  EXPECT_THAT(table, AllOf(HasSubstr("p(2 of 2 models)"), HasSubstr("1 no, 1 yes"), HasSubstr("0.550")));
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
