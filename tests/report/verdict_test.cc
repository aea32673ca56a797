#include "cprobe/report/verdict.h"

#include <functional>

#include "cprobe/report/control_runs.h"
#include "cprobe/report/finding_text.h"
#include "cprobe/report/page_assets.h"
#include "cprobe/report/page_data.h"
#include "cprobe/report/paper_table.h"
#include "cprobe/report/phrases.h"
#include "tests/report/made_run.h"

namespace cprobe {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::interval_around;
using ::testing::IsEmpty;
using testing::MadeCell;
using ::testing::Not;
using testing::reported;
using ::testing::StartsWith;

using Change = std::function<void(Findings&)>;

ReportData data_of(const std::vector<ReportedCell>& cells) {
  ReportData data;
  for (const ReportedCell& cell : cells) {
    data.runs.resize(std::max(data.runs.size(), cell.run + 1));
    data.cells.push_back(cell);
  }
  return data;
}

ReportedFinding over_cells(const std::vector<ReportedCell>& cells) {
  return findings(data_of(cells)).front();
}

ReportedCell changed(const MadeCell& made, const Change& change) {
  ReportedCell cell = reported(made);
  if (change) change(cell.findings);
  return cell;
}

ReportedFinding finding_of(const MadeCell& made, const Change& change = {}) {
  return over_cells({changed(made, change)});
}

std::string presence_of(const ReportedFinding& f) {
  return presence_text(f, f.sets.front());
}
std::string deletion_of(const ReportedFinding& f) {
  return deletion_text(f, f.sets.front());
}
std::string mask_of(const ReportedFinding& f) {
  return mask_text(f, f.sets.front());
}

TestedFigure& present(Findings& f) {
  return f.presence.front().present;
}
AblationResult& ablation(Findings& f, size_t i) {
  return f.evaluation_sets.front().ablations.at(i);
}

/// A cell and what its text must say.
struct Case {
  const char* name;
  MadeCell cell;
  Change change;
  VerdictWord answer;
  const char* words;
};

std::vector<Case> presence_cases() {
  return {
      {"yes",
       {},
       {},
       VerdictWord::kYes,
       "var_0 is present in what the circuit writes at the probed token: accuracy on other types 0.900, null circuits "
       "0.100 ± 0.006 (± sd of the null circuits; p = 0.050, above all 19 null circuits, at least 0.780 above their "
       "mean, over 56 types)."},
      {"small",
       {.other_types = .12},
       {},
       VerdictWord::kSmall,
       "var_0 is present in what the mask writes at the probed token by little only: accuracy"},
      {"no",
       {.other_types = .1},
       {},
       VerdictWord::kNo,
       "There is no sign of var_0 in what the mask writes at the probed token; this search finds at most 0.020 above"},
      {"present, size undecided",
       {},
       [](Findings& f) { present(f).interval.lower = 0; },
       VerdictWord::kUndecided,
       "is present in what the circuit writes at the probed token, by how much is undecided (about 64 types would "
       "tell whether it is 0.05 or more): accuracy"},
      {"undecided",
       {.other_types = .1},
       [](Findings& f) { present(f).interval.upper = .2; },
       VerdictWord::kUndecided,
       "Whether var_0 is present in what the mask writes at the probed token is undecided (about 896 types would "
       "tell whether it is 0.05 or more): accuracy on other types 0.100, null circuits 0.100 ± 0.006 (± sd of the null "
       "circuits; p = 0.550, "
       "above 9 of 19 null circuits, -0.020 to 0.200 above their mean"},
      {"cannot tell",
       {.other_types = 1},
       [](Findings& f) {
         for (double& null : present(f).nulls) null += .87;
       },
       VerdictWord::kCannotTell,
       "Whether var_0 is present in what the mask writes at the probed token cannot be told, as null variables leave "
       "no room (types held out from masks would leave room): accuracy on other types 1.000, null circuits 0.970"},
      {"too few types",
       {},
       [](Findings& f) { present(f).nulls.resize(5); },
       VerdictWord::kTooFewTypes,
       "cannot be tested with 5 null variables, as it takes 19"},
      {"not defined",
       {},
       [](Findings& f) { present(f).interval.n_types = 0; },
       VerdictWord::kNotDefined,
       "is not defined: raw kNN accuracy 0.900 ± 0.010"},
      {"screened",
       {},
       [](Findings& f) {
         f.null_kind.clear();
         f.null_weights.clear();
         present(f).nulls.clear();
         f.presence.front().made_here.nulls.clear();
       },
       VerdictWord::kNotTested,
       "was not tested, as there are no null variables: accuracy on other types 0.900 (over 56 types)."},
      {"an earlier record",
       {.is_earlier = true},
       {},
       VerdictWord::kNotTested,
       "was not tested, as there are no null variables: raw kNN accuracy 0.900 ± 0.010, whole component 0.500"},
      {"beyond chance",
       {},
       [](Findings& f) {
         f.types = "each row";
         f.null_kind = "shuffled rows";
       },
       VerdictWord::kYes,
       "What the mask writes at the probed token tells var_0 beyond chance, which is less than present: its null "
       "variables are shuffled rows: accuracy on other types 0.900, null circuits 0.100 ± 0.006 (± sd of the null "
       "circuits; p = 0.050, "
       "above all 19 null circuits, at least 0.780 above their mean, over 56 types (each row is one))."},
      {"for these types",
       {},
       [](Findings& f) { present(f).interval.is_for_these_types_only = true; },
       VerdictWord::kYes,
       "is present in what the circuit writes at the probed token, for these types: accuracy"},
      {"a whole component",
       {},
       [](Findings& f) { f.n_weights = f.max_weights; },
       VerdictWord::kYes,
       "is present in what the component writes at the probed token"},
  };
}

TEST(Verdict, AnswersWhetherAVariableIsPresent) {
  for (const Case& c : presence_cases()) {
    const ReportedFinding f = finding_of(c.cell, c.change);
    EXPECT_EQ(f.sets.front().answers.front().judged.present.answer, c.answer) << c.name;
    EXPECT_THAT(presence_of(f), HasSubstr(c.words)) << c.name;
  }
}

TEST(Verdict, SaysThatAnEmptyMaskTellsNothing) {
  const ReportedFinding empty = finding_of({.other_types = .1, .p = std::nullopt});
  EXPECT_THAT(presence_of(empty),
              HasSubstr("There is no sign of var_0 in what the mask writes at the probed token: the search kept "
                        "nothing, and an empty mask tells nothing: accuracy"));
}

TEST(Verdict, AnswersWhetherItWasMadeHere) {
  const Case cases[] = {
      {"received",
       {},
       {},
       VerdictWord::kReceived,
       "It was received, from token 0: the better of two read-outs of the component's input there tells it "
       "better (0.950)."},
      {"received, as good",
       {.input = .91},
       {},
       VerdictWord::kReceived,
       "It was received, from token 0: the better of two read-outs of the component's input there tells it as well "
       "(0.910)."},
      {"yes",
       {.input = .3},
       {},
       VerdictWord::kYes,
       "var_0 is made explicit here: of all that the component reads, its input at token 0 tells most, 0.300 (0.600 "
       "more is told here; p = 0.050, above all 19 null variables, at least 0.580 above their mean)."},
      {"undecided",
       {},
       [](Findings& f) { f.presence.front().made_here.interval.upper = .1; },
       VerdictWord::kUndecided,
       "Whether it was made here or received, from token 0 (0.950), is undecided (about 126 types would tell whether "
       "it is 0.05 or more)."},
  };
  for (const Case& c : cases) {
    const ReportedFinding f = finding_of(c.cell, c.change);
    EXPECT_EQ(f.sets.front().answers.front().judged.made_here.answer, c.answer) << c.name;
    EXPECT_THAT(presence_of(f), HasSubstr(c.words)) << c.name;
  }
  EXPECT_THAT(presence_of(finding_of({.other_types = .1})), Not(ContainsRegex("received|made"))) << "not present";
}

std::vector<Case> deletion_cases() {
  return {
      {"yes",
       {},
       {},
       VerdictWord::kYes,
       "Deleting these weights takes accuracy on Test from 1.000 to 0.200; random sets of their size leave 0.700 ± "
       "0.006, null circuits 0.500 on average, 0 of 19 leave no more than this (± sd of the 39 random sets; p = "
       "0.025, more harm than all 39 random sets; at least 0.480 more harm than their mean; n = 500 rows of 56 types). "
       "The "
       "behaviour needs these weights more than random sets of their size."},
      {"small", {.ablated = .68}, {}, VerdictWord::kSmall, "more than random sets of their size, but by little."},
      {"no", {.ablated = .7}, {}, VerdictWord::kNo, "There is no sign that the behaviour needs these weights more"},
      {"by how much is undecided",
       {},
       [](Findings& f) { ablation(f, 0).harm->lower = 0; },
       VerdictWord::kUndecided,
       "more than random sets of their size; by how much is undecided (about 70 types would tell whether it is 0.05 or "
       "more)."},
      {"undecided",
       {.ablated = .7},
       [](Findings& f) { ablation(f, 0).harm->upper = .2; },
       VerdictWord::kUndecided,
       "Whether the behaviour needs these weights more than random sets is undecided (about 896 types would tell "
       "whether it is 0.05 or more)."},
      {"cannot tell",
       {.ablated = .69},
       [](Findings& f) { ablation(f, 3).accuracy.mean = .68; },
       VerdictWord::kCannotTell,
       "cannot be told: random sets of that size leave "},
      {"too few random sets",
       {},
       [](Findings& f) {
         ablation(f, 1).draws.resize(9);
         ablation(f, 1).accuracy = spread(ablation(f, 1).draws);
       },
       VerdictWord::kTooFewTypes,
       "9 random sets are too few to tell whether the behaviour needs these weights: it takes 19."},
      {"everything",
       {},
       [](Findings& f) { f.n_weights = f.max_weights; },
       VerdictWord::kNotDefined,
       "is not defined: the mask is empty or takes all."},
      {"an earlier record",
       {.is_earlier = true},
       {},
       VerdictWord::kNotTested,
       "(± sd of the 99 random sets; p of complement controls (not calibrated) 0.010; n = 500 rows; random sets drawn "
       "from all "
       "units in c_fc). Whether the behaviour needs these weights was not tested."},
      {"not ablated",
       {},
       [](Findings& f) { f.evaluation_sets.clear(); },
       VerdictWord::kNotTested,
       "These weights were not deleted on Test."},
      {"mean fill", {.fill = Fill::kMean}, {}, VerdictWord::kYes, "; deleted units see their mean input)"},
  };
}

TEST(Verdict, AnswersWhetherTheBehaviourNeedsTheWeights) {
  for (const Case& c : deletion_cases()) {
    const ReportedFinding f = finding_of(c.cell, c.change);
    EXPECT_EQ(f.sets.front().answers.front().judged.weights_needed.answer, c.answer) << c.name;
    EXPECT_THAT(deletion_of(f), HasSubstr(c.words)) << c.name;
  }
  EXPECT_THAT(deletion_of(finding_of({.p = std::nullopt})), IsEmpty()) << "nothing to delete";
}

TEST(Verdict, AnswersWhetherTheWeightsSuffice) {
  const Change everything = [](Findings& f) { f.n_weights = f.max_weights; };
  const auto component = [](double accuracy) {
    return [accuracy](Findings& f) {
      for (AblationResult& a : f.evaluation_sets.front().ablations) {
        if (a.target == AblationTarget::kComponent) a.accuracy.mean = accuracy;
      }
    };
  };
  const Case cases[] = {
      {"yes",
       {.only = .95},
       {},
       VerdictWord::kYes,
       "With only these weights of the component left, accuracy on Test is 0.950; with only random sets of their size "
       "0.300 ± 0.006; with nothing of it 0.000 (± sd of the random sets; p = 0.025, above all 39 random sets; at "
       "least "
       "0.630 more than their mean). These weights "
       "suffice, more than random sets of their size."},
      {"partly",
       {.only = .6},
       {},
       VerdictWord::kPartly,
       "These weights suffice in part: they keep 0.600 of what the whole component adds, more than random sets"},
      {"no", {.only = .3}, {}, VerdictWord::kNo, "There is no sign that these weights suffice more than random sets"},
      {"does without it",
       {.only = .98},
       component(.97),
       VerdictWord::kNotDefined,
       "is not defined: the mask is empty or takes all, or the behaviour does without the component."},
      {"takes all", {.only = .95}, everything, VerdictWord::kNotDefined, "is not defined"},
  };
  for (const Case& c : cases) {
    const ReportedFinding f = finding_of(c.cell, c.change);
    EXPECT_EQ(f.sets.front().answers.front().judged.sufficient.answer, c.answer) << c.name;
    EXPECT_THAT(sufficiency_text(f, f.sets.front()), HasSubstr(c.words)) << c.name;
    EXPECT_THAT(sufficiency_text(f, f.sets.front()), Not(ContainsRegex("comput|decod|depends|prove"))) << c.name;
  }
  const ReportedFinding plain = finding_of({}),
                        models = over_cells({reported({.only = .95}, 0), reported({.only = .3}, 1)});
  EXPECT_THAT(sufficiency_text(plain, plain.sets.front()), IsEmpty()) << "not asked";
  EXPECT_THAT(sufficiency_text(models, models.sets.front()),
              HasSubstr("Do these weights suffice, more than random sets? yes in 1, no in 1 of 2 models."));
  EXPECT_THAT(verdict_text({&models}, "Test"),
              HasSubstr("Weights suffice on Test: yes in 1, no in 1 of 2 models (L0.mlp)."));
}

/// Adds exchanges on "Test": whole component and units, both beside 19 nulls that move nothing.
void exchange(Findings& f, double keep, double keep_halves, double null_moved, double carried) {
  f.exchanges = {{.data = "Test",
                  .n_rows = 200,
                  .untouched = 1,
                  .effect = testing::tested(.95, .01),
                  .keep = keep,
                  .keep_halves = keep_halves,
                  .moved = 1,
                  .null_moved = null_moved,
                  .carried = carried,
                  .left = .02,
                  .units = testing::tested(carried - .02, .3),
                  .units_of_nulls = testing::spaced(.3, .001, 19)}};
}

std::string exchange_of(const ReportedFinding& f) {
  return exchange_text(f, f.sets.front());
}

TEST(Verdict, SaysWhatExchangesSupport) {
  struct ExchangeCase {
    const char* name;
    Change change;
    const char* words;
  };
  const ExchangeCase cases[] = {
      {"yes", [](Findings& f) { exchange(f, 1, 1, .1, .98); },
       "Does var_0 reach the behaviour through this component? yes; it is carried as var_0 (exchange: accuracy with "
       "donors of the same value minus that with donors of another 0.950, null variables 0.010 ± 0.006 (± sd of the "
       "null "
       "variables; p = 0.050, above all 19 null variables, at least 0.920 above their mean); with donors of the same "
       "value 1.000 of the answers stay). Through these units? yes; "
       "the units are chosen by var_0 (they carry 0.980 of what the whole component moves, its other units 0.020; the "
       "difference is 0.960, random sets 0.300 ± 0.006 (± sd of the random sets; p = 0.050, above all 19 random sets, "
       "at least 0.640 above their mean); null circuits 0.300 on average (p = 0.050, at least 0.640 below))."},
      {"a function of it", [](Findings& f) { exchange(f, 1, .4, .1, .98); },
       "yes; it is carried as something of which var_0 is a function"},
      {"goes with it", [](Findings& f) { exchange(f, .5, .4, .1, .98); },
       "component? partly; something that goes with var_0, not var_0 alone"},
      {"the only route", [](Findings& f) { exchange(f, 1, 1, .99, .98); },
       "component? yes, but the only route: donors of null variables move 0.990 of the answers, its own 1.000, so this "
       "is no evidence for this component (exchange:"},
      {"too little", [](Findings& f) { exchange(f, 1, 1, .1, .8); }, "Through these units? partly (they carry 0.800"},
      {"the token",
       [](Findings& f) {
         exchange(f, 1, 1, .1, .98);
         f.exchanges[0].units_of_nulls = testing::spaced(.97, .001, 19);
       },
       "units? yes, units that carry the token, not shown to be chosen by var_0 (they carry"},
  };
  for (const ExchangeCase& c : cases) {
    const std::string text = exchange_of(finding_of({}, c.change));
    EXPECT_THAT(text, HasSubstr(c.words)) << c.name;
    EXPECT_THAT(text, Not(ContainsRegex("comput|decod|depends|prove"))) << c.name;
  }
  EXPECT_THAT(exchange_of(finding_of({})), IsEmpty()) << "nothing was exchanged";
}

TEST(Verdict, SaysWhatWasExchangedInSentences) {
  const auto text_with = [](DonorKind donors) {
    return exchange_of(finding_of({}, [&](Findings& f) {
      exchange(f, .98, 1, .1, .98);
      f.types = "column noun";
      f.exchanges[0].donors = donors;
      f.exchanges[0].moved = .6;
    }));
  };
  EXPECT_THAT(text_with(DonorKind::kForms),
              HasSubstr("stay). With column noun exchanged for another of the same var_0, 0.980 of the answers stay; "
                        "for the form of another var_0 in the same block, 0.600 of the answers that differ become the "
                        "donor's. Through these units?"));
  EXPECT_THAT(text_with(DonorKind::kWords),
              HasSubstr("0.980 of the answers stay; for one of another var_0, 0.600 of the answers that differ"));
  EXPECT_THAT(text_with(DonorKind::kRows),
              HasSubstr("donors are other rows of the same length: they differ in more than column noun."));
  EXPECT_THAT(text_with(DonorKind::kTokens), Not(HasSubstr("column noun")));
}

TEST(Verdict, CallsAMaskACircuitOnlyWhereTheVariableIsPresent) {
  for (const Case& c : presence_cases()) {
    const ReportedFinding f = finding_of(c.cell, c.change);
    const std::string name = c.name;
    const bool is_circuit = name == "yes" || name == "present, size undecided" || name == "for these types";
    EXPECT_EQ(f.sets.front().n_circuits(), is_circuit ? 1 : 0) << name;
    if (name == "a whole component") continue;
    EXPECT_THAT(mask_of(f), ContainsRegex(is_circuit ? "^A circuit of .* % of the weights of L0.mlp.$"
                                                     : "^A mask of .* % of the weights of L0.mlp.$"))
        << name;
  }
}

TEST(Verdict, SaysWhatTheSearchKept) {
  const Change full = [](Findings& f) { f.n_weights = f.max_weights; };
  EXPECT_EQ(mask_of(finding_of({.p = std::nullopt})), "The search for var_0 in L0.mlp kept nothing.");
  EXPECT_EQ(mask_of(finding_of({}, full)), "The search for var_0 in L0.mlp kept everything.");
  const ReportedFinding both = over_cells({reported({}), reported({.seed = 1, .p = std::nullopt})});
  EXPECT_THAT(mask_of(both),
              StartsWith("A mask: the search for var_0 in L0.mlp kept a part in 1 of 2 repetitions, "
                         "nothing in 1 of 2 repetitions (of the weights, mean ± sd over 2 repetitions: "));
}

TEST(Verdict, CountsTheAnswersOfModels) {
  const std::vector<ReportedCell> cells = {reported({}, 0), reported({}, 1),
                                           reported({.other_types = .1, .ablated = .7}, 2)};
  const ReportedFinding f = over_cells(cells);
  const ReportedSet& on = f.sets.front();
  ASSERT_EQ(on.answers.size(), 3u);
  EXPECT_EQ(on.answer(&JudgedFinding::present), "mixed");
  EXPECT_EQ(answers_text(f, on, &JudgedFinding::present), "yes in 2, no in 1 of 3 models, p(2 of 3 models) = 0.050");
  EXPECT_THAT(mask_of(f), HasSubstr(", a circuit in 2 of 3 models."));
  EXPECT_THAT(
      presence_of(f),
      AllOf(HasSubstr("Is var_0 present in what the mask writes at the probed token? yes in 2, no in 1 of 3 "
                      "models, p(2 of 3 models) = 0.050: accuracy on other types 0.900, 0.900, 0.100, null circuits "
                      "0.100 ± 0.006, 0.100 "
                      "± 0.006, 0.100 ± 0.006 (± sd of the null circuits of each; p = 0.050, 0.050, 0.550, above 19 of "
                      "19, 19 of 19, 9 of 19 null circuits, -0.100 to 0.900 over models above their mean)."),
            HasSubstr("Made here? received in 2, not tested in 1 of 3 models, p(2 of 3 models) = 1.000 (")));
  EXPECT_THAT(deletion_of(f), HasSubstr("over models more harm than their mean; "));
  EXPECT_THAT(deletion_of(f), HasSubstr("Does the behaviour need these weights more than random sets? yes in 2, no in "
                                        "1 of 3 models, p(2 of 3 models) = 0.025."));
  ReportData data = data_of(cells);
  for (ReportedRun& run : data.runs) run.model_fingerprint = "one";
  const ReportedFinding of_one_model = findings(data).front();
  EXPECT_EQ(of_one_model.run_noun, "run") << "of one model";
  EXPECT_EQ(answers_text(of_one_model, of_one_model.sets.front(), &JudgedFinding::present),
            "yes in 2, no in 1 of 3 runs")
      << "several runs of one model replicate nothing";
}

TEST(Verdict, OnAVariable) {
  const ReportedFinding yes = finding_of({}), no = finding_of({.layer = 1, .other_types = .1, .ablated = .7}),
                        earlier = finding_of({.is_earlier = true}),
                        models = over_cells({reported({}, 0), reported({.other_types = .1}, 1)}),
                        undecided =
                            finding_of({.other_types = .1}, [](Findings&found) { present(found).interval.upper = .2; });
  struct VariableCase {
    std::vector<const ReportedFinding*> findings;
    const char* words;
  };
  const VariableCase cases[] = {
      {{&yes, &no},
       "var_0 is present in this model, in 1 of 2 components, most in L0.mlp: accuracy on other types 0.900, null "
       "circuits 0.100 ± "
       "0.006 (± sd of the null circuits; p = 0.050, above all 19 null circuits, at least 0.780 above their mean, "
       "over 56 types). Present: yes (L0.mlp); no (L1.mlp). Made here: "
       "received from token 0 (L0.mlp). Weights needed on Test: yes (L0.mlp); no (L1.mlp)."},
      {{&no}, "Nothing tells var_0 above its null variables in this model: this search finds at most 0.020."},
      {{&undecided}, "Whether var_0 is present in this model is undecided in the only component probed."},
      {{&undecided, &no}, "var_0 was not found to be present in this model, in the 2 components probed."},
      {{&earlier}, "Whether var_0 is present was not tested. Weights needed on Test: not tested (L0.mlp)."},
      {{&models}, "Present: yes in 1, no in 1 of 2 models, p(2 of 2 models) = 0.550 (L0.mlp)."},
  };
  for (const VariableCase& c : cases) EXPECT_THAT(verdict_text(c.findings, "Test"), HasSubstr(c.words));
  EXPECT_EQ(verdict_text({&yes}, "Gen"), "Nothing was measured on Gen.");
  const ReportedFinding empty = finding_of({.other_types = .1, .p = std::nullopt});
  EXPECT_THAT(verdict_text({&empty}, "Test"),
              HasSubstr("The search kept nothing for var_0, which says nothing of other searches."));
}

TEST(Verdict, HasNoNegativeZeros) {
  const ReportedFinding f = finding_of({.other_types = .1}, [](Findings& found) {
    present(found).interval.lower = -.0001;
    present(found).interval.upper = .2;
  });
  EXPECT_THAT(presence_of(f), HasSubstr("0.000 to 0.200 above their mean"));
  EXPECT_THAT(presence_of(f), Not(HasSubstr("-0.000")));
}

TEST(Verdict, KeepsPositionsApart) {
  const ReportData data = data_of({reported({.position = 0}), reported({.position = 1})});
  const std::vector<ReportedFinding> all = findings(data);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].site, "L0.mlp position 1");
  EXPECT_THAT(presence_of(all[1]), AllOf(HasSubstr("what the circuit writes at position 1"),
                                         HasSubstr("p = 0.050 adjusted for 2 findings")));
}

/// Cells of a trained model and of its negative controls, in runs 0, 1 and so on.
ReportData beside_controls(const std::vector<std::vector<MadeCell>>& runs) {
  std::vector<ReportedCell> cells;
  for (size_t r = 0; r < runs.size(); ++r) {
    for (const MadeCell& made : runs[r]) cells.push_back(reported(made, r));
  }
  ReportData data = data_of(cells);
  for (size_t r = 0; r < runs.size(); ++r) data.runs[r].series = data.runs[r].name = fmt::format("run {}", r);
  return data;
}

std::string verdict_beside(const ReportData& data) {
  const std::vector<ReportedFinding> all = findings(data);
  std::vector<const ReportedFinding*> trained;
  for (const ReportedFinding& f : all) {
    if (f.series == "run 0") trained.push_back(&f);
  }
  return verdict_text(trained, "Test", all);
}

TEST(Verdict, SaysWhatIsPresentInANegativeControlAsWell) {
  const auto random = ModelControl::kRandomInit, kept = ModelControl::kRandomInitKeepEmbeddings;
  const std::vector<MadeCell> trained = {{}, {.layer = 1}};
  EXPECT_THAT(verdict_beside(beside_controls(
                  {trained, {{.control = random}, {.layer = 1, .control = random, .other_types = .1}}})),
              HasSubstr(" Also present in the negative control random_init: comes from the architecture and the data "
                        "(L0.mlp). Not present in the negative control random_init (L1.mlp)."));
  EXPECT_THAT(verdict_beside(beside_controls({trained, {{.control = kept}, {.layer = 1, .control = kept}}})),
              HasSubstr("Also present in the negative control random_init_keep_embeddings: comes from the embeddings, "
                        "the architecture and the data (L0.mlp, L1.mlp)."));
  ReportData undecided = beside_controls({trained, {{.control = random, .other_types = .1}}});
  undecided.cells.back().findings.presence.front().present.interval.upper = .2;
  EXPECT_THAT(verdict_beside(undecided),
              HasSubstr("Whether it is present in the negative control random_init: undecided (L0.mlp)."));
  EXPECT_THAT(verdict_beside(beside_controls({{{}}, {{.control = random}}, {{.control = kept, .other_types = .1}}})),
              AllOf(HasSubstr("Also present in the negative control random_init:"),
                    HasSubstr("Not present in the negative control random_init_keep_embeddings (L0.mlp).")));
}

TEST(Verdict, ComparesWithANegativeControlOfTheSameModelAndSearchOnly) {
  const auto random = ModelControl::kRandomInit;
  EXPECT_THAT(verdict_beside(beside_controls({{{}}, {{.seed = 7, .control = random, .model = "./a//model/"}}})),
              HasSubstr("Also present"))
      << "the same folder, another seed";
  ReportData other_batches = beside_controls({{{}}, {{.control = random}}});
  other_batches.cells.back().settings.cell.batch_size = 64;
  for (const ReportData& data :
       {beside_controls({{{}}, {{.control = random, .model = "another/model"}}}),
        beside_controls({{{}}, {{.variable = "other", .control = random}}}),
        beside_controls({{{}}, {{.position = 0, .control = random}}}), beside_controls({{{}}, {{}}}), other_batches,
        beside_controls({{{.other_types = .1}}, {{.control = random}}})}) {
    EXPECT_THAT(verdict_beside(data), Not(HasSubstr("negative control")));
  }
}

TEST(Verdict, SaysWhatANegativeControlMeans) {
  for (const ModelControl control : kModelControls) {
    const std::string name = control == ModelControl::kNone ? "" : std::string(to_string(control));
    EXPECT_EQ(control_text(name).empty(), control == ModelControl::kNone);
    if (!name.empty()) {
      EXPECT_THAT(control_text(name), AllOf(StartsWith("Negative control (" + name), HasSubstr("trained model.")));
    }
  }
}

/// Words that no test here supports.
constexpr const char* kForbidden =
    "comput|decod|depends on it|behaviour depends|proves|proof|majority baseline|implements|responsible for";

TEST(Verdict, NeverSaysMoreThanTheTestsSupport) {
  std::vector<Case> all = presence_cases();
  for (const Case& c : deletion_cases()) all.push_back(c);
  for (const Case& c : all) {
    const ReportData data = data_of({changed(c.cell, c.change)});
    const ReportedFinding f = findings(data).front();
    for (const std::string& text : {mask_of(f), presence_of(f), deletion_of(f), verdict_text({&f}, "Test"),
                                    paper_table(data, TableFormat::kMarkdown)}) {
      EXPECT_THAT(text, Not(ContainsRegex(kForbidden))) << c.name;
    }
  }
  for (const ModelControl control : kModelControls) {
    EXPECT_THAT(control_text(std::string(to_string(control))), Not(ContainsRegex(kForbidden)));
  }
}

TEST(Verdict, NorDoesThePage) {
  for (const std::string_view script : {page_assets::sections(), page_assets::choices(), page_assets::tables()}) {
    EXPECT_THAT(std::string(script),
                Not(ContainsRegex("[Cc]omputes|[Dd]ecodes|depends on it|behaviour depends|majority baseline")));
  }
}

}  // namespace
}  // namespace cprobe
