#include "cprobe/record/result_tables.h"

#include <sstream>

#include "cprobe/record/findings_codec.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ResultsTable : public ::testing::Test {
 protected:
  /// The table of a store with these finished cells.
  std::string table(const std::vector<ProbedCell>& cells, const JudgeOptions& judge = {}) {
    Store store = Store::open(folder_ / std::to_string(n_stores_++));
    std::vector<PlannedCell> plan;
    for (size_t i = 0; i < cells.size(); ++i) plan.push_back({fmt::format("id{}", i), "circuit probing", "a cell"});
    store.plan(plan, "data", judge);
    for (size_t i = 0; i < cells.size(); ++i) {
      ProbedCell cell = cells[i];
      cell.id = plan[i].id;
      EncodedFindings found = encode(cell, {});
      store.record(plan[i].id, {.metrics = std::move(found.metrics), .row = std::move(found.row)});
    }
    return results_table(store);
  }

 private:
  const testing::TemporaryFolder folder_;
  int n_stores_ = 0;
};

/// A cell as records of earlier versions and of protocol paper have it, with 40 of 192 weights.
/// @param p  none: the mask is empty.
ProbedCell paper_cell(const std::string& variable, const std::optional<double>& p) {
  ProbedCell cell{.settings = {.cell = {.variable = variable, .component = {0, Block::kMlp}}}};
  Findings& f = cell.findings;
  f.n_weights = p ? 40 : 0;
  f.max_weights = 192;
  f.evaluation_sets = {{.label = "Test", .ablations = {{.target = AblationTarget::kCircuit, .p = p}}}};
  std::vector<AblationResult>& ablations = f.evaluation_sets[0].ablations;
  if (p) {
    ablations.push_back(
        {.target = AblationTarget::kRandom, .accuracy = {.n = 99}, .random_sets = RandomSets::kComplement});
  }
  return cell;
}

std::vector<double> around(double mean, int n) {
  std::vector<double> numbers;
  numbers.reserve(static_cast<size_t>(n));
  const int middle = n / 2;
  for (int i = 0; i < n; ++i) numbers.push_back(mean + .001 * (i - middle));
  return numbers;
}

TestedFigure beside_nulls(double value, double null_mean) {
  const double mean = value - null_mean;
  return {.value = value,
          .nulls = around(null_mean, 19),
          .interval = {.mean = mean, .lower = mean - .02, .upper = mean + .02, .n_types = 56}};
}

/// A cell with 19 null variables and 39 random sets, which leave an accuracy of about .9.
ProbedCell judged_cell(const std::string& variable, double other_types, double ablated) {
  ProbedCell cell = paper_cell(variable, .01);
  Findings& f = cell.findings;
  f.types = "token 0";
  f.null_kind = "permuted tokens";
  f.null_weights.assign(19, 40);
  f.presence = {{.data = "Test",
                 .present = beside_nulls(other_types, .1),
                 .received_from = "token 0",
                 .made_here = beside_nulls(-.02, 0)}};
  f.evaluation_sets[0].untouched = 1;
  std::vector<AblationResult>& ablations = f.evaluation_sets[0].ablations;
  ablations[0].accuracy = {.mean = ablated, .n = 1};
  ablations[0].harm = Interval{.mean = .9 - ablated, .lower = .88 - ablated, .upper = .92 - ablated, .n_types = 56};
  ablations[1].random_sets = RandomSets::kUniform;
  ablations[1].draws = around(.9, 39);
  ablations[1].accuracy = spread(ablations[1].draws);
  return cell;
}

/// The fields of an aligned table under a heading, of the lines of cells, whose variables begin
/// with x. Columns are at least two spaces apart.
std::vector<std::string> column(std::string table, const std::string& heading) {
  constexpr std::string_view kPlusMinus = "±";  // Two bytes, but one character wide.
  for (size_t at = table.find(kPlusMinus); at != std::string::npos; at = table.find(kPlusMinus)) {
    table.replace(at, kPlusMinus.size(), "+");
  }
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);
  const size_t at = (line + "  ").find("  " + heading + "  ");
  if (at == std::string::npos) throw std::runtime_error("no column '" + heading + "' in\n" + table);
  std::vector<std::string> fields;
  while (std::getline(lines, line) && line.starts_with("x")) {
    const std::string rest = line.substr(at + 2);
    fields.push_back(rest.substr(0, rest.find("  ")));
  }
  return fields;
}

TEST_F(ResultsTable, HasTheAnswersWithTheirAdjustedP) {
  const std::string shown = table({judged_cell("x0", .9, .2), judged_cell("x1", .1, .9)});
  EXPECT_THAT(column(shown, "other types"), ElementsAre("0.900", "0.100"));
  EXPECT_THAT(column(shown, "nulls"), ElementsAre("0.100 + 0.006", "0.100 + 0.006"));
  EXPECT_THAT(column(shown, "present"), ElementsAre("yes 0.050", "no 0.550"));
  EXPECT_THAT(column(shown, "made here"), ElementsAre("received, token 0", "not tested"));
  EXPECT_THAT(column(shown, "needed"), ElementsAre("yes 0.025", "no 0.525"));
  EXPECT_THAT(shown, HasSubstr("\nTypes of x0, x1: token 0; 19 null variables (permuted tokens).\n"));
  EXPECT_THAT(shown, Not(HasSubstr("complement")));
}

TEST_F(ResultsTable, SaysWhatStandsBehindAnswersAndWhereNothingWasKept) {
  ProbedCell empty = judged_cell("x1", .1, .9);
  const std::string part = table({judged_cell("x0", .9, .2), empty});
  EXPECT_THAT(part,
              HasSubstr("\nBehind an answer stands p, adjusted for all findings about its question and data set."));
  EXPECT_THAT(part, HasSubstr("masks were trained on all types (evaluate.held_out_types: 0).\n"));
  EXPECT_THAT(part, Not(HasSubstr("kept nothing")));
  empty.findings.n_weights = 0;
  EXPECT_THAT(table({judged_cell("x0", .9, .2), empty}), HasSubstr("\nThe search kept nothing in 1 of 2 cells; "));
}

TEST_F(ResultsTable, SaysWhatLeavesRoomAboveNullCircuits) {
  ProbedCell full = judged_cell("x0", .99, .2);
  for (double& null : full.findings.presence.front().present.nulls) null += .87;
  const std::string shown = table({full, judged_cell("x1", .9, .2)});
  EXPECT_THAT(column(shown, "present"), ElementsAre(StartsWith("cannot tell"), "yes 0.050"));
  EXPECT_THAT(shown, HasSubstr("\nNull circuits leave no room in 1 of 2 findings. "));
  full.findings.n_held_out = 4;
  EXPECT_THAT(table({full}), Not(HasSubstr("leave no room")));
}

TEST_F(ResultsTable, FollowsTheRulesOfTheLastSpecAndNamesThem) {
  const std::vector<ProbedCell> cells = {judged_cell("x0", .9, .2), judged_cell("x1", .1, .9)};
  EXPECT_THAT(table(cells), Not(HasSubstr("effect counts")));
  const std::string large = table(cells, {.smallest_effect = .85});
  EXPECT_THAT(column(large, "present"), ElementsAre("small 0.050", "no 0.550"));
  EXPECT_THAT(large, HasSubstr("\np <= .05 is adjusted for a run's findings about one question and data set (maxT), "
                               "and an effect counts from 0.85 "
                               "on.\n"));
  const std::string holm = table(cells, {.correction = Correction::kHolm});
  EXPECT_THAT(column(holm, "present"), ElementsAre("undecided 0.100", "no 0.550"));
  EXPECT_THAT(holm, HasSubstr(" With 2 findings that takes 39 nulls: with 19, no p can be .05 or less.\n"));
}

TEST_F(ResultsTable, NamesTypesHeldOut) {
  ProbedCell cell = judged_cell("x0", .9, .2);
  cell.findings.n_held_out = 12;
  EXPECT_THAT(table({cell}), HasSubstr("\nTypes of x0: token 0, 12 of them held out of masks and exemplars; 19 null"));
}

TEST_F(ResultsTable, SaysBeyondChanceWhereRowsAreShuffled) {
  ProbedCell cell = judged_cell("x0", .9, .2);
  cell.findings.types = "each row";
  cell.findings.null_kind = "shuffled rows";
  const std::string shown = table({cell});
  EXPECT_THAT(column(shown, "present"), ElementsAre("beyond chance 0.050"));
  EXPECT_THAT(shown, HasSubstr("Types of x0: each row; 19 null variables (shuffled rows).\n"));
}

TEST_F(ResultsTable, OfAScreenedRunTestsWeightsOnly) {
  ProbedCell cell = judged_cell("x0", .9, .2);
  cell.findings.null_kind.clear();
  cell.findings.null_weights.clear();
  cell.findings.presence[0].present.nulls.clear();
  cell.findings.presence[0].made_here.nulls.clear();
  const std::string shown = table({cell});
  EXPECT_THAT(column(shown, "other types"), ElementsAre("0.900"));
  EXPECT_THAT(column(shown, "nulls"), ElementsAre("-"));
  EXPECT_THAT(column(shown, "present"), ElementsAre("not tested"));
  EXPECT_THAT(column(shown, "needed"), ElementsAre("yes 0.025"));
  EXPECT_THAT(shown, HasSubstr("Types of x0: token 0; no null variables, so that presence is not tested.\n"));
}

TEST_F(ResultsTable, SaysWhetherWeightsSufficeInARunThatAsks) {
  ProbedCell cell = judged_cell("x0", .9, .2), empty = judged_cell("x1", .1, .9);
  std::vector<AblationResult>& ablations = cell.findings.evaluation_sets[0].ablations;
  EXPECT_THAT(table({cell, empty}), Not(HasSubstr("sufficient")));
  ablations.push_back({.target = AblationTarget::kComplement, .accuracy = {.mean = .95, .n = 1}});
  ablations.back().gain = Interval{.mean = .65, .lower = .6, .upper = .7, .n_types = 56};
  ablations.push_back({.target = AblationTarget::kRandomComplement, .draws = around(.3, 39)});
  ablations.push_back({.target = AblationTarget::kComponent, .accuracy = {.mean = 0, .n = 1}});
  empty.findings.n_weights = 0;
  empty.findings.evaluation_sets[0].ablations.push_back(ablations.back());
  const std::string shown = table({cell, empty});
  EXPECT_THAT(column(shown, "all else ablated"), ElementsAre("0.950", "-"));
  EXPECT_THAT(column(shown, "sufficient"), ElementsAre("yes 0.025", "not defined"));
}

TEST_F(ResultsTable, SharesAnAnswerAmongSeeds) {
  ProbedCell first = judged_cell("x0", .9, .2), second = judged_cell("x0", .7, .2);
  second.settings.cell.seed = 1;
  const std::string shown = table({first, second});
  EXPECT_THAT(column(shown, "other types"), ElementsAre("0.900", "0.700"));
  EXPECT_THAT(column(shown, "present"), ElementsAre("yes 0.050", "yes 0.050"));
  EXPECT_THAT(shown, HasSubstr("lines that differ in seeds only share their answers.\n"));
  EXPECT_THAT(table({first}), Not(HasSubstr("seeds")));
}

TEST_F(ResultsTable, NamesANegativeControl) {
  ProbedCell cell = judged_cell("x0", .9, .2);
  cell.settings.control = ModelControl::kRandomInit;
  EXPECT_THAT(table({cell}), HasSubstr("The model is a negative control (random_init).\n"));
}

TEST_F(ResultsTable, OfProtocolPaperHasPOfTheComplement) {
  const std::string shown = table({paper_cell("x0", .01), paper_cell("x1", std::nullopt)});
  EXPECT_THAT(column(shown, "p (complement)"), ElementsAre("0.010", "-"));
  EXPECT_THAT(column(shown, "mask"), ElementsAre("proper part", "empty"));
  EXPECT_THAT(shown, Not(HasSubstr("present")));
}

TEST(MethodsTable, HasAColumnForPositionsWhereTheyDiffer) {
  const testing::TemporaryFolder folder;
  Store store = Store::open(folder.path());
  store.plan({{"a", "toy", "a"}, {"b", "toy", "b"}}, "data");
  store.record("a", {.variable = "x", .site = "L0.mid", .position = 3, .metrics = {{.metric = "m", .value = 1}}});
  EXPECT_THAT(methods_table(store), Not(HasSubstr("position")));
  store.record("b", {.variable = "x", .site = "L0.mid", .position = 4, .metrics = {{.metric = "m", .value = 1}}});
  EXPECT_THAT(methods_table(store), HasSubstr("position"));
  EXPECT_THAT(methods_json(store), HasSubstr("\"position\":4"));
}

}  // namespace
}  // namespace cprobe
