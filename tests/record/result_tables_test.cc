#include "cprobe/record/result_tables.h"

#include <sstream>

#include "cprobe/record/findings_codec.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// The table of a store with one finished cell for each p. A cell without a p has an empty circuit,
/// which has no random controls.
class ResultsTable : public ::testing::Test {
 protected:
  std::string table(const std::vector<std::optional<double>>& p_values, int64_t n_random) {
    Store store = Store::open(folder_ / std::to_string(n_stores_++));
    std::vector<PlannedCell> plan;
    for (size_t i = 0; i < p_values.size(); ++i) plan.push_back({fmt::format("x{}", i), "circuit probing", "a cell"});
    store.plan(plan, "data");
    for (size_t i = 0; i < p_values.size(); ++i) {
      const Cell cell{.variable = plan[i].id, .component = {0, Block::kMlp}};
      EncodedFindings found = encode({plan[i].id, {.cell = cell}, findings(p_values[i], n_random)}, {});
      store.record(plan[i].id, {.metrics = std::move(found.metrics), .row = std::move(found.row)});
    }
    return results_table(store);
  }

 private:
  static Findings findings(const std::optional<double>& p, int64_t n_random) {
    Findings f{.n_weights = p ? 40 : 0, .max_weights = 192};
    f.evaluation_sets = {{.label = "Test", .ablations = {{.target = AblationTarget::kCircuit, .p = p}}}};
    if (p) f.evaluation_sets[0].ablations.push_back({.target = AblationTarget::kRandom, .accuracy = {.n = n_random}});
    f.evaluation_sets[0].ablations.push_back({.target = AblationTarget::kComplement});
    return f;
  }

  const testing::TemporaryFolder folder_;
  int n_stores_ = 0;
};

/// The column of an aligned table under a heading. Columns are at least two spaces apart.
std::vector<std::string> column(std::string table, const std::string& heading) {
  constexpr std::string_view kPlusMinus = "±";  // Two bytes, but one character wide.
  for (size_t at = table.find(kPlusMinus); at != std::string::npos; at = table.find(kPlusMinus)) {
    table.replace(at, kPlusMinus.size(), "+");
  }
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);
  const size_t at = line.find("  " + heading + "  ");
  if (at == std::string::npos) throw std::runtime_error("no column '" + heading + "' in\n" + table);
  std::vector<std::string> cells;
  while (std::getline(lines, line) && line.starts_with("x")) {
    const std::string rest = line.substr(at + 2);
    cells.push_back(rest.substr(0, rest.find(' ')));
  }
  return cells;
}

TEST_F(ResultsTable, AdjustsPForTheNumberOfCellsThatHaveOne) {
  const std::string shown = table({.01, std::nullopt, .02, .2}, 99);
  EXPECT_THAT(column(shown, "p"), ElementsAre("0.010", "-", "0.020", "0.200"));
  EXPECT_THAT(column(shown, "p Holm"), ElementsAre("0.030", "-", "0.040", "0.200"));
}

TEST_F(ResultsTable, HasNothingToAdjustInASingleTest) {
  EXPECT_THAT(table({.01, std::nullopt}, 99), Not(HasSubstr("Holm")));
  EXPECT_THAT(table({std::nullopt, std::nullopt}, 99), Not(HasSubstr("Holm")));
}

TEST_F(ResultsTable, SaysWhereTooFewControlsWereDrawnForAnyCell) {
  // The least p of 38 controls is 1 / 39, and twice that is above .05. With 39 controls, twice the
  // least p is .05.
  EXPECT_THAT(table({1.0 / 39, .5}, 38), HasSubstr("\nWith 38 random controls no p Holm over 2 cells can reach 0.05; "
                                                   "that takes at least 39 (random_controls).\n"));
  const std::string enough = table({1.0 / 40, .5}, 39);
  EXPECT_THAT(enough, Not(HasSubstr("random_controls")));
  EXPECT_THAT(column(enough, "p Holm"), ElementsAre("0.050", "0.500"));
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
