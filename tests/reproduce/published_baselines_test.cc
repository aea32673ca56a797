#include "cprobe/reproduce/published_baselines.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

RecordedMetric row(const char* method, const char* variable, double value, const char* control = "",
                   const char* note = "") {
  return {.method = method,
          .site = "model",
          .variable = variable,
          .metric = {.metric = "steps", .value = value, .control = control, .note = note}};
}

TEST(BaselinesTable, ShowsOurFiguresOverSeedsBesideThePublishedOnes) {
  const std::vector<PublishedBaseline> published = {{"transfer", "var_0", "a^2", "model", "steps", "", "4"},
                                                    {"transfer", "var_0", "a^2", "model", "steps", "scratch", "9"},
                                                    {"das", "var_0", "a^2", "model", "steps", "", "1"}};
  const std::string text = baselines_table({row("transfer", "var_0", 3), row("transfer", "var_0", 5),
                                            row("transfer", "var_1", 50), row("transfer", "var_0", 8, "scratch")},
                                           published);
  EXPECT_THAT(text, ContainsRegex("transfer +a.2 +model +steps +4.000 .+ 1.414 +\\(4\\)"));
  EXPECT_THAT(text, ContainsRegex("steps, scratch +8.000 +\\(9\\)"));
  EXPECT_THAT(text, ContainsRegex("das +a.2 +model +steps +- +\\(1\\)"));
  EXPECT_THAT(text, Not(HasSubstr("[1]")));
}

TEST(BaselinesTable, SaysBelowWhatANoteSaysOfAFigure) {
  const std::vector<PublishedBaseline> published = {{"transfer", "var_0", "a^2", "model", "steps", "", "4"},
                                                    {"transfer", "var_1", "b^2", "model", "steps", "", "4"}};
  const std::string text = baselines_table(
      {row("transfer", "var_0", 500, "", "never"), row("transfer", "var_1", 500, "", "never")}, published);
  EXPECT_THAT(text, ContainsRegex("b.2 +model +steps +500.000 +\\(4\\) +\\[1\\]"));
  EXPECT_THAT(text, HasSubstr("\n[1] never\n"));
  EXPECT_THAT(text, Not(HasSubstr("[2]")));
}

}  // namespace
}  // namespace cprobe
