#include "cprobe/record/judged_methods.h"

#include <random>

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/evaluate/statistics.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// A figure beside `n_nulls` nulls around `null_mean`, over 56 types.
TestedFigure method_figure(double value, double null_mean, uint64_t seed = 0, int64_t n_nulls = 19) {
  TestedFigure tested{.value = value};
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(null_mean, .01);
  for (int64_t b = 0; b < n_nulls; ++b) tested.nulls.push_back(normal(random));
  const double mean = value - null_mean;
  tested.interval = {.mean = mean, .lower = mean - .02, .upper = mean + .02, .n_types = 56};
  return tested;
}

struct MadeMethod {
  std::string method = "linear_probe";
  std::string metric = "type_accuracy Test";
  std::string variable = "v";
  std::string site = "L0.mid";
  int64_t seed = 0;
  double most = 1;
  std::string kind = "permuted tokens";
  std::optional<double> isolation = {};
};

/// The lines of metrics.csv of one cell.
std::vector<RecordedMetric> cell_of(const MadeMethod& made, const std::optional<TestedFigure>& tested) {
  std::vector<Metric> metrics = {{.metric = "test_accuracy", .value = .9, .n = 100}};
  if (tested) {
    metrics.push_back({.metric = "null_variables",
                       .value = static_cast<double>(tested->nulls.size()),
                       .note = "token 0; " + made.kind});
    if (made.isolation) metrics.push_back({.metric = "isolation Test", .value = *made.isolation});
    metrics.push_back({.metric = "isolation Test", .value = .1, .control = "whole state"});
    add_beside_nulls(metrics, made.metric, *tested, made.most);
  }
  std::vector<RecordedMetric> rows;
  for (const Metric& m : metrics) {
    rows.push_back({.method = made.method,
                    .site = made.site,
                    .variable = made.variable,
                    .metric = m,
                    .seed = made.seed,
                    .cell = fmt::format("{} {} {} {}", made.method, made.variable, made.site, made.seed)});
  }
  return rows;
}

std::vector<RecordedMetric> lines_of(const std::vector<std::vector<RecordedMetric>>& cells) {
  std::vector<RecordedMetric> rows;
  for (const std::vector<RecordedMetric>& cell : cells) rows.insert(rows.end(), cell.begin(), cell.end());
  return rows;
}

JudgedMethod only_answer(const std::vector<RecordedMetric>& rows) {
  const std::vector<JudgedMethod> judged = judged_methods(rows);
  EXPECT_EQ(judged.size(), 1u);
  return judged.at(0);
}

TEST(JudgedMethods, SayWhetherAFigureIsAboveItsNulls) {
  const JudgedMethod yes = only_answer(cell_of({}, method_figure(.98, .3)));
  EXPECT_EQ(answer_word(yes), "yes");
  EXPECT_EQ(yes.method, "linear_probe");
  EXPECT_EQ(yes.site, "L0.mid");
  EXPECT_EQ(yes.metric, "type_accuracy Test");
  EXPECT_EQ(to_string(yes.finding.component), "L0.attn");
  EXPECT_EQ(yes.finding.data, "Test");
  EXPECT_EQ(yes.finding.types, "token 0");
  EXPECT_EQ(yes.finding.null_kind, "permuted tokens");
  EXPECT_EQ(yes.question().p_adjusted, .05);
  EXPECT_EQ(yes.question().n_findings, 1);
  EXPECT_NEAR(*yes.question().lower, .66, 1e-12);
  EXPECT_EQ(answer_words(only_answer(cell_of({}, method_figure(.3, .3, 7)))), "no: this search finds at most 0.020");
  EXPECT_EQ(to_string(only_answer(cell_of({.site = "L11.post"}, method_figure(.98, .3))).finding.component), "L11.mlp");
}

TEST(JudgedMethods, CannotTellWhereNullsLeaveNoRoom) {
  EXPECT_EQ(answer_words(only_answer(cell_of({}, method_figure(1, .98)))), "cannot tell");
  const MadeMethod erased{.method = "amnesic_probing", .metric = "erasure_harm Test", .most = .4};
  EXPECT_EQ(answer_word(only_answer(cell_of(erased, method_figure(.4, .38)))), "cannot tell");
  EXPECT_EQ(answer_word(only_answer(cell_of(erased, method_figure(.4, .1)))), "yes");
}

TEST(JudgedMethods, ReserveAYesWithoutIsolation) {
  MadeMethod das{.method = "das", .metric = "changed_answers Test", .isolation = .95};
  EXPECT_EQ(answer_word(only_answer(cell_of(das, method_figure(.9, .1)))), "yes");
  das.isolation = .7;
  const JudgedMethod partly = only_answer(cell_of(das, method_figure(.9, .1)));
  EXPECT_EQ(answer_words(partly), "partly");
  EXPECT_EQ(partly.isolation, .7);
  EXPECT_EQ(answer_word(only_answer(cell_of(das, method_figure(.1, .1, 7)))), "no");
}

TEST(JudgedMethods, SayBeyondChanceBesideShuffledRows) {
  EXPECT_EQ(answer_word(only_answer(cell_of({.kind = "shuffled rows"}, method_figure(.98, .3)))), "beyond chance");
}

TEST(JudgedMethods, DoNotAnswerWithoutEnoughNulls) {
  EXPECT_EQ(answer_words(only_answer(cell_of({}, std::nullopt))), "not tested") << "protocol paper, an earlier version";
  EXPECT_EQ(answer_words(only_answer(cell_of({}, method_figure(.98, .3, 0, 18)))), "too few null variables");
  TestedFigure undefined = method_figure(.9, .1);
  undefined.interval = {};
  EXPECT_EQ(answer_word(only_answer(cell_of({}, undefined))), "not defined");
  EXPECT_TRUE(judged_methods(cell_of({.method = "transfer", .site = "model"}, std::nullopt)).empty());
  EXPECT_TRUE(judged_methods(cell_of({.method = "circuit probing", .site = "L0.attn"}, std::nullopt)).empty());
}

TEST(JudgedMethods, TakeSeedsForOneFinding) {
  const JudgedMethod judged = only_answer(
      lines_of({cell_of({.seed = 0}, method_figure(.9, .3)), cell_of({.seed = 1}, method_figure(.7, .3, 5))}));
  EXPECT_EQ(judged.cells.size(), 2u);
  EXPECT_DOUBLE_EQ(*judged.question().statistic, .8);
}

TEST(JudgedMethods, AreAFamilyPerMethodAndDataSet) {
  // v is above its own nulls, but not above the largest of 20 variables' nulls.
  TestedFigure weak = method_figure(.33, .3);
  weak.value = *std::ranges::max_element(weak.nulls) + .001;
  std::vector<std::vector<RecordedMetric>> cells = {cell_of({}, weak)};
  EXPECT_EQ(only_answer(lines_of(cells)).question().p_adjusted, .05);
  for (int i = 0; i < 20; ++i) {
    cells.push_back(
        cell_of({.variable = fmt::format("w{}", i)}, method_figure(.3, .3, 100 + static_cast<uint64_t>(i))));
  }
  const std::vector<JudgedMethod> family = judged_methods(lines_of(cells));
  EXPECT_GT(*family.front().question().p_adjusted, .05);
  EXPECT_EQ(family.front().question().n_findings, 21);
  cells.push_back(cell_of({.method = "mlp_probe"}, weak));
  cells.push_back(cell_of({.metric = "type_accuracy Gen", .variable = "x"}, weak));
  const std::vector<JudgedMethod> judged = judged_methods(lines_of(cells));
  for (const size_t last : {judged.size() - 2, judged.size() - 1}) {
    EXPECT_EQ(judged[last].question().n_findings, 1) << judged[last].method << judged[last].metric;
  }
}

TEST(JudgedMethods, GiveRandomVariablesAnAnswerRarely) {
  // Each variable is one more null. 12 cells of 200 families.
  int n_significant = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<std::vector<RecordedMetric>> cells;
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(.1, .05);
    for (int c = 0; c < 12; ++c) {
      TestedFigure null{.value = normal(random)};
      for (int b = 0; b < 19; ++b) null.nulls.push_back(normal(random));
      null.interval = {.mean = 0, .lower = .1, .upper = .3, .n_types = 56};  // so that p alone decides
      cells.push_back(cell_of({.variable = fmt::format("v{}", c)}, null));
    }
    const std::vector<JudgedMethod> judged = judged_methods(lines_of(cells));
    n_significant += std::ranges::any_of(judged, [](const JudgedMethod& j) { return answer_word(j) == "yes"; }) ? 1 : 0;
  }
  EXPECT_LE(n_significant, 21) << "of 200: the 99.9 % bound at .05";
  EXPECT_GE(n_significant, 1);
}

}  // namespace
}  // namespace cprobe
