#include "cprobe/report/over_models.h"

#include <nlohmann/json.hpp>

#include "cprobe/io/csv.h"
#include "cprobe/report/findings_json.h"
#include "cprobe/report/page_data.h"
#include "cprobe/report/paper_table.h"
#include "cprobe/report/phrases.h"
#include "cprobe/report/read_runs.h"
#include "tests/report/made_run.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MadeCell;
using testing::make_run;
using testing::reported;

/// A report of models that repeat each other. @param cells  of each model.
ReportData models(const std::vector<std::vector<MadeCell>>& cells) {
  ReportData data;
  for (const std::vector<MadeCell>& of_model : cells) {
    data.runs.push_back({.name = fmt::format("seed_{}", data.runs.size())});
    for (const MadeCell& cell : of_model) data.cells.push_back(reported(cell, data.runs.size() - 1));
  }
  return data;
}

const OverModels& present_over(const std::vector<ReportedFinding>& all, size_t i) {
  const OverModels* over = all.at(i).sets.front().over(&JudgedFinding::present);
  if (over == nullptr) throw std::runtime_error("nothing over models");
  return *over;
}

TEST(OverModels, AreAFamilyOfAllFindingsThatAllHave) {
  const MadeCell there{}, nothing{.variable = "w", .other_types = .1};
  const std::vector<ReportedFinding> all = findings(models({{there, nothing}, {there, nothing}, {there, nothing}}));
  ASSERT_EQ(all.size(), 2u);
  const Replication& found = present_over(all, 0).replication.value();
  EXPECT_EQ(found.n_models, 3);
  EXPECT_EQ(found.n_with_effect, 2);
  EXPECT_EQ(found.n_findings, 2);
  EXPECT_EQ(found.p.p(), .05);
  EXPECT_THAT(found.values, ElementsAre(.9, .9, .9));
  ASSERT_TRUE(found.interval.has_value());
  EXPECT_NEAR(found.interval->lower, .78, 1e-9) << "never narrower than within models";
  EXPECT_NEAR(found.interval->upper, .82, 1e-9);
  EXPECT_GT(present_over(all, 1).replication.value().p.p(), .05);
  EXPECT_THAT(all[0].sets.front().models, ElementsAre(0, 1, 2));
  EXPECT_EQ(answers_text(all[0], all[0].sets.front(), &JudgedFinding::present),
            "yes in 3 of 3 models, p(2 of 3 models) = 0.050");
}

TEST(OverModels, OfTwoHaveAPAndNoInterval) {
  const std::vector<ReportedFinding> all = findings(models({{{}}, {{}}}));
  const Replication& found = present_over(all, 0).replication.value();
  EXPECT_EQ(found.n_with_effect, 2);
  EXPECT_EQ(found.interval, std::nullopt);
  EXPECT_THAT(interval_over_models_words(all[0].sets.front(), &JudgedFinding::present), IsEmpty());
}

TEST(OverModels, LeaveOutFindingsThatOneLacksAndSaySo) {
  const MadeCell there{}, other{.variable = "w"};
  const std::vector<ReportedFinding> all = findings(models({{there, other}, {there, other}, {there}}));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(present_over(all, 0).replication.value().n_findings, 1);
  EXPECT_FALSE(present_over(all, 1).replication.has_value());
  EXPECT_EQ(answers_text(all[1], all[1].sets.front(), &JudgedFinding::present),
            "yes in 2 of 2 models, not tested over models, as 1 of 3 models has no such test");
}

TEST(OverModels, OfOneModelAreNothing) {
  ReportData data = models({{{}}, {{}}});
  for (ReportedRun& run : data.runs) run.model_fingerprint = "one";
  EXPECT_THAT(findings(data).front().sets.front().over_models, IsEmpty());
  EXPECT_THAT(findings(models({{{}}})).front().sets.front().over_models, IsEmpty());
  EXPECT_THAT(findings(models({{{}}})).front().sets.front().models, IsEmpty());
}

TEST(OverModels, KeepSeriesStepsAndControlsApart) {
  ReportData data = models({{{}}, {{}}, {{}}, {{}}});
  data.runs[1].series = "another task";
  data.runs[2].step = 100;
  data.cells[3].settings.control = ModelControl::kRandomInit;
  data.cells[3].options = "model random_init";
  for (const ReportedFinding& finding : findings(data)) {
    EXPECT_THAT(finding.sets.front().over_models, IsEmpty()) << finding.series << finding.options;
  }
}

TEST(OverModels, AreNotTestedTogetherByDifferentRules) {
  ReportData data = models({{{}}, {{}}});
  data.runs[1].judge.smallest_effect = .1;
  const std::vector<ReportedFinding> all = findings(data);
  EXPECT_EQ(answers_text(all[0], all[0].sets.front(), &JudgedFinding::present),
            "yes in 2 of 2 models, not tested over models, as the models are judged by different rules");
}

TEST(OverModels, AreInEveryFormat) {
  const testing::TemporaryFolder folder;
  for (const int seed : {0, 1, 2}) make_run(folder / fmt::format("seed_{}/circuits", seed), {{}});
  const ReportData data = read_runs({folder.path()});
  const nlohmann::json all = nlohmann::json::parse(findings_json(data));
  EXPECT_EQ(all["findings"].size(), 3u) << "each model alone";
  ASSERT_EQ(all["over_models"].size(), 1u);
  const nlohmann::json& found = all["over_models"][0];
  EXPECT_EQ(found["models"], nlohmann::json({"seed_0/circuits", "seed_1/circuits", "seed_2/circuits"}));
  EXPECT_EQ(found["variable"], "var_0");
  EXPECT_EQ(found["present"]["p"], .05);
  EXPECT_EQ(found["present"]["n_with_effect"], 2);
  EXPECT_EQ(found["present"]["values"], nlohmann::json({.9, .9, .9}));
  EXPECT_NEAR(found["present"]["lower"].get<double>(), .78, 1e-9);
  EXPECT_EQ(found["weights_needed"]["p"], .025);
  EXPECT_TRUE(found["through_component"].is_null()) << "nothing was exchanged";
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("p over models present"), ElementsAre("0.05"));
  EXPECT_THAT(table.text("present beyond nulls over models lower"), ElementsAre("0.78"));
  EXPECT_THAT(table.text("p over models needed"), ElementsAre("0.025"));
  const nlohmann::json page = nlohmann::json::parse(page_json(data));
  const nlohmann::json& present = page["findings"][0]["sets"][0]["present"];
  EXPECT_EQ(present["overModels"], .05);
  EXPECT_EQ(present["short"], "yes in 3 of 3 models");
  EXPECT_EQ(present["words"], "yes in 3 of 3 models, p(2 of 3 models) = 0.050");
  EXPECT_THAT(page["verdicts"][0]["texts"]["Test"].get<std::string>(),
              HasSubstr("Present: yes in 3 of 3 models, p(2 of 3 models) = 0.050 (L0.mlp)."));
}

}  // namespace
}  // namespace cprobe
