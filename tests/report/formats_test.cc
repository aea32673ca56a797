#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cprobe/io/csv.h"
#include "cprobe/report/findings_json.h"
#include "cprobe/report/page.h"
#include "cprobe/report/page_data.h"
#include "cprobe/report/paper_table.h"
#include "cprobe/report/read_runs.h"
#include "tests/report/made_run.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::make_run;
using ::testing::Not;
using testing::TemporaryFolder;

constexpr const char* kHostile = "</script><img src=x onerror=alert(1)>|&amp;_%$#{}\\[`\"\n,";

class Formats : public ::testing::Test {
 protected:
  ReportData read() { return read_runs({folder_.path()}); }
  const TemporaryFolder folder_;
};

TEST_F(Formats, CsvKeepsAHostileNameAsItIs) {
  make_run(folder_.path(), {{.variable = kHostile}});
  const CsvTable table = CsvTable::parse(paper_table(read(), TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("variable"), ElementsAre(kHostile));
  EXPECT_THAT(table.text("kNN"), ElementsAre("0.9"));
  EXPECT_THAT(table.text("kNN sd"), ElementsAre("0.01"));
}

TEST_F(Formats, LatexEscapesAHostileName) {
  make_run(folder_.path(), {{.variable = kHostile}});
  const std::string table = paper_table(read(), TableFormat::kLatex);
  EXPECT_THAT(table,
              HasSubstr("\n\\textless{}/script\\textgreater{}\\textless{}img src=x onerror=alert(1)\\textgreater{}"
                        "\\textbar{}\\&amp;\\_\\%\\$\\#\\{\\}\\textbackslash{}{[}`'' , & L0.mlp & "));
  EXPECT_THAT(table, HasSubstr("0.700 $\\pm$ 0.006"));
}

TEST_F(Formats, LatexTakesNoStarForAnArgumentOfALinesEnd) {
  make_run(folder_.path(), {{.variable = "* a"}, {.variable = "* b", .p = 0.0001, .is_earlier = true}});
  const std::string table = paper_table(read(), TableFormat::kLatex);
  EXPECT_THAT(table, HasSubstr("\\\\\n{*} b & "));
  EXPECT_THAT(table, HasSubstr("& $<$ 0.001 \\\\")) << "the p of earlier versions";
}

TEST_F(Formats, CsvHasDeviationsOnlyOfFiguresThatCanHaveThem) {
  make_run(folder_.path(), {{}});
  const std::string table = paper_table(read(), TableFormat::kCsv);
  EXPECT_THAT(table, HasSubstr("random deleted,random deleted sd,harm,p needed,harm beyond random lower,harm beyond "
                               "random upper,needed,p complement,repetitions"));
  EXPECT_THAT(table, HasSubstr(",majority,data set,"));
}

TEST_F(Formats, MarkdownEscapesAHostileNameAndKeepsItsColumns) {
  make_run(folder_.path(), {{.variable = kHostile}});
  const std::string table = paper_table(read(), TableFormat::kMarkdown);
  EXPECT_THAT(table, HasSubstr("| \\</script\\>\\<img src=x onerror=alert\\(1\\)\\>\\|"));
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    size_t n_borders = 0;
    for (size_t i = 0; i < line.size(); ++i) n_borders += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    EXPECT_EQ(n_borders, 11u) << line;
  }
}

TEST_F(Formats, PageDataCannotEndTheirScript) {
  make_run(folder_.path(), {{.variable = kHostile}, {.variable = "line\u2028break <!-- \xff"}});
  testing::add_method(folder_.path(), kHostile, {{.metric = "accuracy", .value = 1, .note = kHostile}});
  const std::string json = page_json(read());
  EXPECT_EQ(json.find_first_of("<>&"), std::string::npos);
  EXPECT_EQ(json.find("\u2028"), std::string::npos);
  const nlohmann::json data = nlohmann::json::parse(json);
  EXPECT_EQ(data["findings"][0]["variable"], kHostile);
  EXPECT_EQ(data["figures"][0]["note"], kHostile);
}

TEST_F(Formats, FiguresThatAreNoNumbersAreLeftOut) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  make_run(folder_.path(), {{.knn = nan, .ablated = nan}});
  testing::add_method(folder_.path(), "x", {{.metric = "accuracy", .value = nan}});
  const ReportData data = read();
  const nlohmann::json json = nlohmann::json::parse(page_json(data));
  EXPECT_TRUE(json["findings"][0]["knn"][0].is_null());
  EXPECT_TRUE(json["figures"][0]["value"].is_null());
  EXPECT_THAT(paper_table(data, TableFormat::kCsv), Not(HasSubstr("nan")));
  EXPECT_THAT(paper_table(data, TableFormat::kMarkdown), Not(HasSubstr("nan")));
}

TEST_F(Formats, TablesDeleteNothingOfAnEmptyCircuit) {
  make_run(folder_.path(), {{.p = std::nullopt}});
  const CsvTable table = CsvTable::parse(paper_table(read(), TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("mask"), ElementsAre("empty"));
  for (const char* column : {"deleted", "harm", "needed"}) EXPECT_THAT(table.text(column), ElementsAre("")) << column;
  EXPECT_THAT(table.text("untouched"), ElementsAre("1"));
}

TEST_F(Formats, TablesHaveTheAnswersBesideTheirFigures) {
  make_run(folder_.path(), {{.variable = "a"}, {.variable = "b", .other_types = .1, .ablated = .7}});
  const CsvTable table = CsvTable::parse(paper_table(read(), TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("other types"), ElementsAre("0.9", "0.1"));
  EXPECT_THAT(table.text("null mean"), ElementsAre("0.1", "0.1"));
  EXPECT_THAT(table.text("null sd"), ElementsAre("0.00562731", "0.00562731"));
  EXPECT_THAT(table.text("p present"), ElementsAre("0.05", "0.55"));
  EXPECT_THAT(table.text("present beyond nulls lower"), ElementsAre("0.78", "-0.02"));
  EXPECT_THAT(table.text("present beyond nulls upper"), ElementsAre("0.82", "0.02"));
  EXPECT_THAT(table.text("present"), ElementsAre("yes", "no: this search finds at most 0.020"));
  EXPECT_THAT(table.text("made here"), ElementsAre("received", "not tested"));
  EXPECT_THAT(table.text("received from"), ElementsAre("token 0", ""));
  EXPECT_THAT(table.text("harm"), ElementsAre("0.8", "0.3"));
  EXPECT_THAT(table.text("harm beyond random lower"), ElementsAre("0.48", "-0.02"));
  EXPECT_THAT(table.text("needed"), ElementsAre("yes", "no: more than random sets by at most 0.020"));
  EXPECT_THAT(table.text("p complement"), ElementsAre("", ""));
}

TEST_F(Formats, HaveNoPOfAQuestionThatWasNotAsked) {
  make_run(folder_.path(), {{.variable = "a"}, {.variable = "b", .other_types = .1, .ablated = .7}});
  const nlohmann::json json = nlohmann::json::parse(findings_json(read()))["findings"];
  EXPECT_EQ(json[0]["made_here"]["answer"], "received");
  EXPECT_TRUE(json[0]["made_here"]["p"].is_number());
  EXPECT_EQ(json[1]["made_here"]["answer"], "not tested") << "not present";
  for (const char* name : {"p", "p_adjusted", "q"}) EXPECT_TRUE(json[1]["made_here"][name].is_null()) << name;
  EXPECT_TRUE(json[1]["made_here"]["statistic"].is_number());
  const nlohmann::json page = nlohmann::json::parse(page_json(read()))["findings"];
  EXPECT_TRUE(page[0]["sets"][0]["madeHere"]["p"].is_number());
  EXPECT_TRUE(page[1]["sets"][0]["madeHere"]["p"].is_null());
  EXPECT_EQ(page[1]["sets"][0]["madeHere"]["rank"], "");
}

TEST_F(Formats, SayWhatWouldDecide) {
  ReportData data;
  data.runs.resize(1);
  data.cells = {testing::reported({}), testing::reported({.variable = "b"})};
  data.cells[1].findings.presence[0].present.interval.lower = 0;
  const nlohmann::json json = nlohmann::json::parse(findings_json(data))["findings"];
  EXPECT_TRUE(json[0]["present"]["to_decide"].is_null());
  EXPECT_EQ(json[1]["present"]["to_decide"], "about 64 types would tell whether it is 0.05 or more");
  EXPECT_EQ(json[1]["present"]["words"],
            "undecided: present, size undecided; about 64 types would tell whether it is 0.05 or more");
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("present"), ElementsAre("yes", json[1]["present"]["words"].get<std::string>()));
}

TEST_F(Formats, PagesNameTheTaskAndWhatTheUntouchedModelCanDo) {
  make_run(folder_.path(), {{}});
  const nlohmann::json run = nlohmann::json::parse(page_json(read()))["runs"][0];
  EXPECT_EQ(run["task"], "arithmetic");
  EXPECT_EQ(run["model"], "a/model");
  EXPECT_EQ(run["untouched"], nlohmann::json::parse(R"([["Test", 1, 500]])"));
}

TEST_F(Formats, TablesHaveColumnsOfExchangesWhereThereAreSome) {
  ReportData data;
  data.runs.resize(1);
  data.cells = {testing::reported({}), testing::reported({.variable = "b", .other_types = .1})};
  EXPECT_THAT(paper_table(data, TableFormat::kCsv), Not(HasSubstr("through")));
  data.cells[0].findings.exchanges = {{.data = "Test",
                                       .n_rows = 200,
                                       .untouched = 1,
                                       .effect = testing::tested(.95, 0),
                                       .keep = 1,
                                       .moved = 1,
                                       .carried = 1,
                                       .left = .02,
                                       .units = testing::tested(.98, .3)}};
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("exchange effect"), ElementsAre("0.95", ""));
  EXPECT_THAT(table.text("through component"), ElementsAre("yes", ""));
  EXPECT_THAT(table.text("p units"), ElementsAre("0.05", ""));
  EXPECT_THAT(table.text("through units"), ElementsAre("yes, units that carry the token", ""));
}

TEST_F(Formats, TablesHaveColumnsOfSufficiencyWhereARunAsks) {
  make_run(folder_ / "plain", {{}});
  EXPECT_THAT(paper_table(read(), TableFormat::kCsv), Not(HasSubstr("sufficient")));
  EXPECT_FALSE(nlohmann::json::parse(findings_json(read()))["findings"][0].contains("sufficient"));
  make_run(folder_ / "asks", {{.only = .95}, {.variable = "empty", .p = std::nullopt}});
  const ReportData data = read_runs({folder_ / "asks"});
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("only these left"), ElementsAre("0.95", "0.8"));
  EXPECT_THAT(table.text("only random left"), ElementsAre("0.3", ""));
  EXPECT_THAT(table.text("p sufficient"), ElementsAre("0.025", ""));
  EXPECT_THAT(table.text("sufficient beyond random lower"), ElementsAre("0.63", ""));
  EXPECT_THAT(table.text("sufficient"), ElementsAre("yes", ""));
  const nlohmann::json json = nlohmann::json::parse(findings_json(data))["findings"];
  EXPECT_EQ(json[0]["sufficient"]["answer"], "yes");
  EXPECT_EQ(json[0]["sufficient"]["n_null"], 39);
  EXPECT_EQ(json[0]["sufficient"]["without_component"], 0);
  EXPECT_EQ(json[0]["sufficient"]["share"], .95);
  EXPECT_EQ(json[1]["sufficient"]["answer"], "not defined");
  const nlohmann::json page = nlohmann::json::parse(page_json(data));
  EXPECT_EQ(page["findings"][0]["sets"][0]["sufficient"]["words"], "yes");
  EXPECT_EQ(page["findings"][0]["sets"][0]["ablation"]["onlyRandomDraws"].size(), 39u);
}

TEST_F(Formats, PutNegativeControlsBesideTheTrainedModel) {
  const auto random = ModelControl::kRandomInit;
  make_run(folder_ / "trained", {{.variable = "a"}, {.variable = "b"}});
  make_run(folder_ / "control",
           {{.variable = "a", .control = random}, {.variable = "b", .control = random, .other_types = .1}});
  const ReportData data = read_runs({folder_ / "trained", folder_ / "control"});
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("run"), ElementsAre("trained", "trained", "control", "control"));
  EXPECT_THAT(table.text("negative control"), ElementsAre("", "", "random_init", "random_init"));
  EXPECT_THAT(table.text("present in control"), ElementsAre("also present", "not present", "", ""));
  EXPECT_THAT(table.text("other types in control"), ElementsAre("0.900", "0.100", "", ""));
  const nlohmann::json json = nlohmann::json::parse(findings_json(data))["findings"];
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(json[i]["model"], "a/model");
    EXPECT_EQ(json[i]["control"], i < 2 ? "none" : "random_init");
  }
  const nlohmann::json page = nlohmann::json::parse(page_json(data));
  EXPECT_EQ(page["runs"][0]["control"], "");
  EXPECT_EQ(page["runs"][1]["control"], "random_init");
  EXPECT_EQ(page["runs"][1]["model"], "a/model");
  EXPECT_THAT(page["controls"]["random_init"].get<std::string>(), HasSubstr("control: Negative control (random_init)"));
  EXPECT_EQ(page["findings"][1]["sets"][0]["inControls"][0]["answer"], "not present");
  EXPECT_THAT(page["verdicts"][0]["texts"]["Test"].get<std::string>(),
              HasSubstr("Also present in the negative control"));
  EXPECT_EQ(page["findings"][0]["options"], "") << "the model itself is no setting";
}

TEST_F(Formats, TablesOfEarlierRecordsAreNotTested) {
  make_run(folder_.path(), {{.is_earlier = true}});
  const CsvTable table = CsvTable::parse(paper_table(read(), TableFormat::kCsv), "table");
  for (const char* answer : {"present", "made here", "needed"}) {
    EXPECT_THAT(table.text(answer), ElementsAre("not tested")) << answer;
  }
  EXPECT_THAT(table.text("harm"), ElementsAre("0.8"));
  EXPECT_THAT(table.text("p needed"), ElementsAre(""));
  EXPECT_THAT(table.text("p complement"), ElementsAre("0.01"));
}

TEST_F(Formats, TablesAndPagesNameNegativeControlsAndPositions) {
  make_run(folder_.path(), {{.position = 0, .control = ModelControl::kShuffledComponent},
                            {.position = 1, .control = ModelControl::kShuffledComponent}});
  const ReportData data = read();
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("negative control"), ElementsAre("shuffled_component", "shuffled_component"));
  EXPECT_THAT(table.text("position"), ElementsAre("0", "1"));
  const nlohmann::json json = nlohmann::json::parse(page_json(data));
  EXPECT_THAT(json["controls"]["shuffled_component"].get<std::string>(), HasSubstr("Negative control"));
  EXPECT_EQ(json["verdicts"].size(), 1u) << "one verdict for all positions of a variable";
  EXPECT_EQ(json["findings"][1]["site"], "L0.mlp position 1");
}

TEST_F(Formats, PageDataHaveAYesWithoutReserveOnly) {
  ReportData data;
  data.runs.resize(1);
  data.cells = {testing::reported({}), testing::reported({.variable = "b"}), testing::reported({.variable = "c"})};
  data.cells[1].findings.null_kind = "shuffled rows";
  data.cells[2].findings.presence[0].present.interval.is_for_these_types_only = true;
  const nlohmann::json json = nlohmann::json::parse(page_json(data));
  std::vector<std::string> answers;
  std::vector<bool> are_yes;
  for (const nlohmann::json& finding : json["findings"]) {
    answers.push_back(finding["sets"][0]["present"]["words"].get<std::string>());
    are_yes.push_back(finding["sets"][0]["present"]["yes"].get<bool>());
  }
  EXPECT_THAT(answers, ElementsAre("yes", "beyond chance", "yes, for these types"));
  // Who reads the answer alone must not take it for a yes.
  const nlohmann::json of_scripts = nlohmann::json::parse(findings_json(data))["findings"];
  EXPECT_EQ(of_scripts[0]["present"]["answer"], "yes");
  EXPECT_EQ(of_scripts[1]["present"]["answer"], "undecided");
  EXPECT_EQ(of_scripts[1]["present"]["words"], "beyond chance");
  EXPECT_THAT(json["verdicts"].dump(), HasSubstr("b is told beyond chance in L0.mlp, which is less than present"));
  EXPECT_THAT(json["verdicts"].dump(),
              HasSubstr("var_0 is present in this model, in L0.mlp, the only component probed"));
}

TEST_F(Formats, HaveQWhereThereAreNinetyNineNulls) {
  ReportData data;
  data.runs.resize(1);
  data.cells = {testing::reported({})};
  EXPECT_THAT(paper_table(data, TableFormat::kCsv), Not(HasSubstr("q present")));
  EXPECT_TRUE(nlohmann::json::parse(findings_json(data))["findings"][0]["present"]["q"].is_null());
  EXPECT_TRUE(nlohmann::json::parse(page_json(data))["findings"][0]["sets"][0]["present"]["q"].is_null());
  data.cells[0].findings.presence[0].present.nulls = testing::spaced(.1, .001, 99);
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("q present"), ElementsAre("0.01"));
  EXPECT_THAT(paper_table(data, TableFormat::kCsv), Not(HasSubstr("q needed"))) << "39 random sets are too few";
  EXPECT_EQ(nlohmann::json::parse(findings_json(data))["findings"][0]["present"]["q"], .01);
  const nlohmann::json page = nlohmann::json::parse(page_json(data));
  EXPECT_EQ(page["findings"][0]["sets"][0]["present"]["q"], .01);
  EXPECT_THAT(page["findings"][0]["sets"][0]["text"].get<std::string>(),
              HasSubstr("(± sd of the null circuits; p = 0.010, above all 99 null circuits, q = 0.010, at least"));
}

TEST_F(Formats, SayByWhatRulesARunIsJudged) {
  make_run(folder_ / "a", {{.other_types = .3}});
  EXPECT_THAT(paper_table(read(), TableFormat::kCsv), Not(HasSubstr("smallest effect")));
  const JudgeOptions rules{.smallest_effect = .5, .correction = Correction::kHolm};
  make_run(folder_ / "b", {{.other_types = .3}}, {.command = "cprobe fit"}, rules);
  const ReportData data = read();
  const CsvTable table = CsvTable::parse(paper_table(data, TableFormat::kCsv), "table");
  EXPECT_THAT(table.text("smallest effect, correction"), ElementsAre("0.05, maxT", "0.5, holm"));
  EXPECT_THAT(table.text("present"), ElementsAre("yes", "small"));
  const nlohmann::json json = nlohmann::json::parse(findings_json(data));
  EXPECT_EQ(json["findings"][0]["smallest_effect"], .05);
  EXPECT_EQ(json["findings"][0]["correction"], "maxT");
  EXPECT_EQ(json["findings"][1]["smallest_effect"], .5);
  EXPECT_EQ(json["findings"][1]["correction"], "holm");
  EXPECT_EQ(json["findings"][1]["present"]["answer"], "small");
  EXPECT_THAT(nlohmann::json::parse(page_json(data))["rules"].get<std::string>(),
              AllOf(HasSubstr("rules of their own"), HasSubstr(" a: p <= .05"),
                    HasSubstr("(Holm's method), and an "
                              "effect counts from 0.5 on.")));
}

TEST_F(Formats, TablesWithoutAFinishedCellHaveAHeading) {
  { Store store = Store::open(folder_.path()); }
  EXPECT_THAT(paper_table(read(), TableFormat::kCsv), HasSubstr("variable,component"));
  EXPECT_THAT(paper_table(read(), TableFormat::kLatex), HasSubstr("\\end{tabular}"));
}

TEST_F(Formats, FiveHundredCellsStayBelowThreeMegabytes) {
  std::vector<testing::MadeCell> cells;
  for (int64_t i = 0; i < 500; ++i) {
    cells.push_back({.variable = fmt::format("variable_{}", i / 50), .layer = i % 50, .n_epochs = 90});
  }
  make_run(folder_.path(), cells);
  const std::string json = page_json(read());
  EXPECT_LT(json.size(), 3'000'000u);
  const nlohmann::json epochs = nlohmann::json::parse(json)["cells"][499]["curve"]["epoch"];
  EXPECT_EQ(epochs.front(), 1);
  EXPECT_EQ(epochs.back(), 90);
  EXPECT_LT(epochs.size(), 90u);
}

TEST_F(Formats, PageHasTheTitleAsTextAndTheLicenceOfPlotly) {
  make_run(folder_.path(), {{}});
  ReportData data = read();
  data.title = kHostile;
  if (!can_make_pages()) {
    try {
      report_page(data);
      FAIL() << "made a page without Plotly";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("scripts/install_deps"));
    }
    GTEST_SKIP() << "built without Plotly";
  }
  const std::string page = report_page(data);
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("<title>&lt;/script&gt;&lt;img src=x"));
  EXPECT_THAT(page, HasSubstr("Licensed under the MIT license"));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
}

}  // namespace
}  // namespace cprobe
