// What readers are told a variable is called, in every form of a report.

#include <nlohmann/json.hpp>

#include "cprobe/io/csv.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/report/finding_text.h"
#include "cprobe/report/findings_json.h"
#include "cprobe/report/page_data.h"
#include "cprobe/report/paper_table.h"
#include "cprobe/report/read_runs.h"
#include "cprobe/report/reported_findings.h"
#include "cprobe/report/verdict.h"
#include "tests/report/made_run.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::make_run;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TemporaryFolder;
using Json = nlohmann::json;

constexpr const char* kTitle = "a^2 <b>";

class ReportTitles : public ::testing::Test {
 protected:
  void make(const std::string& run, const Titles& titles, const std::vector<testing::MadeCell>& cells = {{}}) {
    make_run(folder_ / run, cells, {.command = "cprobe fit"}, {}, titles);
  }
  ReportData read() { return read_runs({folder_.path()}); }
  const TemporaryFolder folder_;
};

TEST_F(ReportTitles, StandInSentencesInPlaceOfTheColumn) {
  make("run", {{"var_0", kTitle}});
  const std::vector<ReportedFinding> all = findings(read());
  EXPECT_EQ(all.front().title, kTitle);
  EXPECT_EQ(all.front().variable, "var_0");
  EXPECT_THAT(presence_text(all.front(), all.front().sets.front()),
              StartsWith("a^2 <b> is present in what the circuit"));
  EXPECT_THAT(verdict_text({all.data()}, "Test", all), StartsWith("a^2 <b> is present in this model, "));
  EXPECT_THAT(page_json(read()), Not(HasSubstr("var_0 is present")));
}

TEST_F(ReportTitles, StandOnThePageBesideTheColumn) {
  make("run", {{"var_0", kTitle}});
  testing::add_method(folder_ / "run", "var_0", {{.metric = "test_accuracy", .value = 0.8, .n = 100}});
  const Json of_page = Json::parse(page_json(read()));
  for (const char* list : {"findings", "figures", "verdicts"}) {
    EXPECT_EQ(of_page[list][0]["title"], kTitle) << list;
    EXPECT_EQ(of_page[list][0]["variable"], "var_0") << list;
  }
  EXPECT_THAT(page_json(read()), Not(HasSubstr("<b>"))) << "escaped in the page's data";
}

TEST_F(ReportTitles, StandBesideTheColumnInJsonAndCsv) {
  make("run", {{"var_0", kTitle}});
  const Json written = Json::parse(findings_json(read()));
  EXPECT_EQ(written["findings"][0]["variable"], "var_0");
  EXPECT_EQ(written["findings"][0]["title"], kTitle);
  const CsvTable csv = CsvTable::parse(paper_table(read(), TableFormat::kCsv), "table");
  EXPECT_THAT(csv.text("variable"), ElementsAre("var_0"));
  EXPECT_THAT(csv.text("title"), ElementsAre(kTitle));
  EXPECT_THAT(
      paper_table(read(), TableFormat::kLatex),
      AllOf(HasSubstr("\na\\textasciicircum{}2 \\textless{}b\\textgreater{} & L0.mlp &"), Not(HasSubstr("var\\_0"))));
  EXPECT_THAT(paper_table(read(), TableFormat::kMarkdown), HasSubstr("| a^2 \\<b\\> | L0.mlp |"));
}

TEST_F(ReportTitles, AreTheColumnsInRecordsWithout) {
  make("run", {});
  EXPECT_EQ(findings(read()).front().title, "var_0");
  EXPECT_EQ(Json::parse(findings_json(read()))["findings"][0]["title"], "var_0");
  EXPECT_THAT(paper_table(read(), TableFormat::kCsv), StartsWith("variable,component,"));
  EXPECT_THAT(results_table(Store::open_existing(folder_ / "run")), Not(HasSubstr("Columns of the data")));
}

TEST_F(ReportTitles, StandInTheTerminalsTableWithTheirColumnsBelow) {
  make("run", {{"var_0", "a^2"}, {"aux_0", "aux_0"}}, {{}, {.variable = "aux_0"}});
  const std::string table = results_table(Store::open_existing(folder_ / "run"));
  EXPECT_THAT(table, AllOf(HasSubstr("\na^2 "), HasSubstr("\naux_0 "),
                           HasSubstr("Columns of the data: a^2 is var_0.\n"), HasSubstr("Types of a^2, aux_0: ")));
}

TEST_F(ReportTitles, AreTheColumnsWhereRunsOfOneFindingDiffer) {
  make("seed_0", {{"var_0", "a"}});
  make("seed_1", {{"var_0", "b"}});
  EXPECT_EQ(findings(read()).front().title, "var_0");
}

TEST_F(ReportTitles, AreTheColumnsWhereTwoVariablesOfASeriesHaveTheSame) {
  make("seed_0", {{"var_0", "a"}});
  make("seed_1", {{"var_1", "a"}}, {{.variable = "var_1"}});
  const std::vector<ReportedFinding> all = findings(read());
  EXPECT_EQ(all[0].title, "var_0");
  EXPECT_EQ(all[1].title, "var_1");
}

}  // namespace
}  // namespace cprobe
