#include "cprobe/report/verdict.h"

#include <cmath>

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// One repetition. Ablating random circuits leaves an accuracy of .7.
struct Repetition {
  int64_t n_weights = 5;           ///< Weights in the circuit, of 100.
  double ablated = 0.2;            ///< Accuracy with the circuit ablated.
  std::optional<double> p = 0.01;  ///< None: no random controls.
  double p_holm = 0.01;
  int64_t n_controls = 99;
  int64_t n_tests = 1;
  double knn = 0.9;
};

ReportedCell cell_of(const Repetition& r, int64_t layer = 0) {
  ReportedCell cell{
      {.settings = {.cell = {.variable = "x", .component = {layer, Block::kMlp}}},
       .findings = {.knn = {.test = {.mean = r.knn, .sd = 0.01, .n = 20}, .test_majority = 0.1, .n_test = 1000},
                    .full_knn = {.test = {.mean = 0.5, .sd = 0.02, .n = 20}},
                    .n_weights = r.n_weights,
                    .max_weights = 100}}};
  Findings::OnEvaluationSet& on = cell.findings.evaluation_sets.emplace_back();
  on = {.label = "Test",
        .untouched = 1,
        .n_rows = 500,
        .ablations = {{.accuracy = {.mean = r.ablated, .n = 1}, .p = r.p}}};
  if (!r.p) return cell;
  on.ablations.push_back({.target = AblationTarget::kRandom, .accuracy = {.mean = 0.7, .sd = 0.05, .n = r.n_controls}});
  cell.tests = {{r.p_holm, r.n_tests}};
  return cell;
}

/// The finding over repetitions of one component.
ReportedFinding finding_of(const std::vector<Repetition>& repetitions) {
  ReportData data{.runs = {ReportedRun{}}};
  for (const Repetition& r : repetitions) data.cells.push_back(cell_of(r));
  return findings(data).front();
}

const Repetition kClear = {};
const Repetition kNoHarm = {.ablated = 0.8, .p = 0.5, .p_holm = 0.5};
const Repetition kFew = {.p = 0.048, .p_holm = 0.381, .n_controls = 20, .n_tests = 8};
const Repetition kFewOfOne = {.p = 0.1, .p_holm = 0.1, .n_controls = 9};
const Repetition kBefore = {.p = 0.01, .p_holm = 0.06, .n_controls = 999, .n_tests = 6};
const Repetition kEmpty = {.n_weights = 0, .ablated = 1, .p = std::nullopt, .knn = 0.1};
const Repetition kFull = {.n_weights = 100, .ablated = 0, .p = std::nullopt};
const Repetition kUncontrolled = {.p = std::nullopt};

TEST(Verdict, AnswersOfRepetitions) {
  struct Case {
    const char* name;
    std::vector<Repetition> repetitions;
    Answer circuit, decodes, depends;
    const char* words;  ///< Part of the sentence on dependence.
  };
  const Case cases[] = {
      {"clear", {kClear}, Answer::kYes, Answer::kYes, Answer::kYes, "The behaviour depends on it beyond"},
      {"clear twice",
       {kClear, kClear},
       Answer::kYes,
       Answer::kYes,
       Answer::kYes,
       "mean ± sd over 2 repetitions, 99 controls in each"},
      {"no harm",
       {kNoHarm},
       Answer::kYes,
       Answer::kYes,
       Answer::kNo,
       "There is no evidence that the behaviour depends"},
      {"too few controls",
       {kFew},
       Answer::kYes,
       Answer::kYes,
       Answer::kTooFewControls,
       "cannot be told with 20 random controls"},
      {"too few for one test",
       {kFewOfOne},
       Answer::kYes,
       Answer::kYes,
       Answer::kTooFewControls,
       "cannot be told with 9 random controls"},
      {"before adjustment",
       {kBefore},
       Answer::kYes,
       Answer::kYes,
       Answer::kBeforeAdjustment,
       "if this were the only test"},
      {"uncontrolled", {kUncontrolled}, Answer::kYes, Answer::kYes, Answer::kUntested, "was not tested"},
      {"yes and no", {kClear, kNoHarm}, Answer::kYes, Answer::kYes, Answer::kMixed, "in some repetitions"},
      {"yes and empty", {kClear, kEmpty}, Answer::kMixed, Answer::kMixed, Answer::kMixed, "in some repetitions"},
      {"yes and untested",
       {kClear, kUncontrolled},
       Answer::kYes,
       Answer::kYes,
       Answer::kMixed,
       "in the 1 of 2 repetitions that have them"},
      {"no and empty", {kNoHarm, kEmpty}, Answer::kMixed, Answer::kMixed, Answer::kNo, "no evidence"},
      {"full", {kFull}, Answer::kNo, Answer::kNo, Answer::kUntested, "was not tested"},
      {"full and clear", {kFull, kClear}, Answer::kMixed, Answer::kMixed, Answer::kMixed, "in some repetitions"},
  };
  for (const Case& c : cases) {
    const ReportedFinding f = finding_of(c.repetitions);
    EXPECT_EQ(f.circuit, c.circuit) << c.name;
    EXPECT_EQ(f.decodes, c.decodes) << c.name;
    EXPECT_EQ(f.on("Test")->depends, c.depends) << c.name;
    EXPECT_THAT(dependence_text(f, "Test"), HasSubstr(c.words)) << c.name;
  }
}

TEST(Verdict, MeansAreOfCellsThatHaveACircuit) {
  const ReportedFinding f = finding_of({kClear, kEmpty, {.ablated = 0.4, .p = std::nullopt}});
  const ReportedAblation& a = *f.on("Test");
  EXPECT_EQ(a.n_cells, 2);
  EXPECT_NEAR(a.ablated.mean, 0.3, 1e-12);
  EXPECT_EQ(a.n_controlled, 1);
  EXPECT_EQ(a.beside_random.mean, 0.2);
  EXPECT_FALSE(a.random->sd);  // The deviation is over cells, and one cell has none.
  EXPECT_NEAR(a.harm().value(), 0.5, 1e-12);
  EXPECT_EQ(finding_of({kClear}).on("Test")->random->sd, 0.05);
}

TEST(Verdict, SaysWhatTheSearchKept) {
  EXPECT_THAT(finding_text(finding_of({kEmpty})), HasSubstr("No circuit: the search for x in L0.mlp kept nothing."));
  EXPECT_THAT(finding_text(finding_of({kFull})), HasSubstr("kept everything."));
  EXPECT_THAT(finding_text(finding_of({kFull, kEmpty})),
              HasSubstr("nothing in 1 of 2 repetitions, everything in 1 of 2"));
  EXPECT_THAT(finding_text(finding_of({kClear, kEmpty})),
              AllOf(HasSubstr("A circuit in some repetitions"), HasSubstr("decodes x in some repetitions")));
  EXPECT_THAT(dependence_text(finding_of({kEmpty}), "Test"), IsEmpty());
}

TEST(Verdict, OnAVariable) {
  const ReportedFinding clear = finding_of({kClear}), no_harm = finding_of({kNoHarm}), few = finding_of({kFew}),
                        full = finding_of({kFull}), empty = finding_of({kEmpty}), before = finding_of({kBefore}),
                        mixed = finding_of({kClear, kEmpty});
  struct Case {
    std::vector<const ReportedFinding*> findings;
    const char* circuit;
    const char* dependence;
  };
  const Case cases[] = {
      {{&clear, &empty},
       "A circuit in 1 of 2 components.",
       "depends on the only tested circuit. The largest drop beyond random circuits is in L0.mlp: task accuracy on "
       "Test goes from 1.000 to 0.200"},
      {{&no_harm}, "A circuit in the only component.", "Nowhere did ablation harm more than random circuits."},
      {{&no_harm, &few},
       "A circuit in both components.",
       "There is no evidence that the behaviour on Test depends on any of 2 tested circuits beyond random controls; "
       "for 1 it cannot be told with 20 random controls."},
      {{&few},
       "",
       "Whether the behaviour on Test depends on the only tested circuit beyond random controls cannot be told with 20 "
       "random controls."},
      {{&clear, &full}, "in 1 of 2 components the search kept everything", "depends on the only tested circuit"},
      {{&full}, "No circuit in the only component probed", ""},
      {{&before}, "", "; it would on 1 if p were not adjusted"},
      {{&mixed},
       "A circuit in some repetitions in the only component",
       "depends in some repetitions on the only tested circuit"},
      {{&clear, &mixed}, "in some repetitions in 1 more", ", in some repetitions on 1 more"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(verdict_text(c.findings), HasSubstr(c.circuit));
    EXPECT_THAT(dependence_verdict(c.findings, "Test"), HasSubstr(c.dependence));
  }
  EXPECT_THAT(dependence_verdict({&no_harm}, "Test"), Not(HasSubstr("The largest drop")));
  EXPECT_THAT(dependence_verdict({&full}, "Test"), IsEmpty());
}

TEST(Verdict, SaysHowRandomUnitsWereDrawnAndUnitsFilled) {
  ReportedCell cell = cell_of(kClear);
  for (AblationResult& ablation : cell.findings.evaluation_sets[0].ablations) ablation.fill = Fill::kMean;
  cell.findings.evaluation_sets[0].ablations[1].drawn_from_all = {"c_fc"};
  const std::string text = dependence_text(findings({.runs = {ReportedRun{}}, .cells = {cell}}).front(), "Test");
  EXPECT_THAT(text, AllOf(HasSubstr("their mean input"), HasSubstr("drawn from all units in c_fc")));
  EXPECT_THAT(dependence_text(finding_of({kClear}), "Test"),
              AllOf(Not(HasSubstr("drawn from")), Not(HasSubstr("input"))));
}

TEST(Verdict, PrintsNoPAsZero) {
  EXPECT_THAT(dependence_text(finding_of({{.p = 0.0001, .p_holm = 0.0001, .n_controls = 9999}}), "Test"),
              HasSubstr("p < 0.001;"));
}

TEST(IsAbove, TakesStandardErrorsOfMeansAndTheLargerSamplingTerm) {
  struct Case {
    Spread accuracy, reference;
    int64_t n;
    bool expected;
  };
  const double nan = std::nan("");
  const Case cases[] = {
      {{.mean = 0.6, .sd = 0.01}, {.mean = 0.5}, 1000, true},
      {{.mean = 0.6, .sd = 0.05}, {.mean = 0.5}, 1000, false},          // A single draw.
      {{.mean = 0.6, .sd = 0.05, .n = 20}, {.mean = 0.5}, 1000, true},  // The mean of 20 draws.
      {{.mean = 0.6}, {.mean = 0.5}, 100, false},                       // Two standard errors.
      {{.mean = 1}, {.mean = 0.6}, 5, false},
      {{.mean = 0.2}, {.mean = 0.0}, 20, false},  // The reference's own sampling term is 0.
      {{.mean = nan}, {.mean = 0.5}, 1000, false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(is_above(c.accuracy, c.reference, c.n), c.expected) << c.accuracy.mean << " " << c.n;
}

}  // namespace
}  // namespace cprobe
