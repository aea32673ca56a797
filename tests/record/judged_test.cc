#include "cprobe/record/judged.h"

#include <cmath>
#include <random>

#include "cprobe/evaluate/statistics.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// A statistic with 19 nulls around `null_mean`, none of which reaches `value` unless it must.
TestedFigure figure(double value, double null_mean, uint64_t seed = 0, double half_width = .02) {
  TestedFigure tested{.value = value};
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(null_mean, .01);
  for (int b = 0; b < 19; ++b) tested.nulls.push_back(normal(random));
  const double mean = value - spread(tested.nulls).mean;
  tested.interval = {.mean = mean, .lower = mean - half_width, .upper = mean + half_width, .n_types = 56};
  return tested;
}

ProbedCell cell(const std::string& variable, Block block, TestedFigure present, TestedFigure made_here) {
  ProbedCell cell{.id = variable, .settings = {.cell = {.variable = variable, .component = {0, block}}}};
  cell.findings.n_weights = 50;
  cell.findings.max_weights = 100;
  cell.findings.types = "token 0";
  cell.findings.presence = {{.data = "Test",
                             .present = std::move(present),
                             .whole = .6,
                             .received_from = "token 0",
                             .made_here = std::move(made_here)}};
  return cell;
}

/// Adds ablations on "Test": untouched accuracy 1, random sets around `random`.
void ablate(ProbedCell& cell, double ablated, double random, double component = 0) {
  const TestedFigure harm = figure(1 - ablated, 1 - random, 7);
  AblationResult circuit{.target = AblationTarget::kCircuit, .accuracy = {.mean = ablated, .n = 1}, .p = .05};
  circuit.harm = harm.interval;
  AblationResult controls{.target = AblationTarget::kRandom};
  for (const double drop : harm.nulls) controls.draws.push_back(1 - drop);
  controls.accuracy = spread(controls.draws);
  const AblationResult all{.target = AblationTarget::kComponent, .accuracy = {.mean = component, .n = 1}};
  cell.findings.evaluation_sets = {
      {.label = "Test", .untouched = 1, .n_rows = 100, .ablations = {circuit, controls, all}}};
}

const JudgedFinding& only_one(const std::vector<JudgedFinding>& findings) {
  EXPECT_EQ(findings.size(), 1u);
  return findings.front();
}

TEST(Judged, AVariableAboveItsNullsIsPresentAndReceivedIfItsInputTellsAsMuch) {
  const JudgedFinding found =
      only_one(judged_findings({cell("a^2", Block::kAttention, figure(.98, .016), figure(-.02, -.4, 1))}));
  EXPECT_EQ(found.present.answer, VerdictWord::kYes);
  EXPECT_EQ(found.present.p_adjusted, .05);
  EXPECT_EQ(found.present.n_null, 19);
  EXPECT_NEAR(*found.present.null_mean, .016, .01);
  EXPECT_EQ(found.made_here.answer, VerdictWord::kReceived) << "null circuits lose .4, which is no gain of this one";
  EXPECT_EQ(found.received_from, "token 0");
  EXPECT_EQ(found.weights_needed.answer, VerdictWord::kNotTested);
}

TEST(Judged, AVariableLikeItsNullsIsNot) {
  const JudgedFinding found =
      only_one(judged_findings({cell("random", Block::kMlp, figure(.015, .016), figure(-.01, -.01, 1))}));
  EXPECT_EQ(found.present.answer, VerdictWord::kNo);
  EXPECT_GT(*found.present.p_adjusted, .05);
  EXPECT_EQ(found.made_here.answer, VerdictWord::kNotTested) << "not asked of a variable that is not present";
  EXPECT_THAT(found.present.words, ::testing::StartsWith("no: this search finds at most"));
}

TEST(Judged, AnEmptyMaskHasNoFigureBehindItsNo) {
  ProbedCell empty = cell("a + b", Block::kMlp, figure(.01, .016), figure(-.01, -.01, 1));
  empty.findings.n_weights = 0;
  EXPECT_EQ(only_one(judged_findings({empty})).present.words, "no: the search kept nothing");
}

TEST(Judged, ShowsNoPOfAQuestionThatWasNotAsked) {
  const JudgedFinding found =
      only_one(judged_findings({cell("random", Block::kMlp, figure(.015, .016), figure(-.01, -.01, 1))}));
  EXPECT_TRUE(found.made_here.p_adjusted.has_value()) << "over models p is of all findings";
  EXPECT_EQ(found.made_here.shown_p(), std::nullopt);
  EXPECT_EQ(found.made_here.shown_p_adjusted(), std::nullopt);
  EXPECT_EQ(found.present.shown_p(), found.present.p);
  EXPECT_EQ(found.present.shown_p_adjusted(), found.present.p_adjusted);
}

TEST(Judged, SaysWhatWouldDecideAnUndecidedAnswer) {
  const auto with = [](TestedFigure present, TestedFigure made_here) {
    return only_one(judged_findings({cell("v", Block::kMlp, std::move(present), std::move(made_here))}));
  };
  // The interval is .04 to .24 around .14: to end at .05 it must shrink to .09 of .1, for 56 types.
  TestedFigure near = figure(.15, .01);
  near.interval.mean = .14;
  near.interval.lower = .04;
  near.interval.upper = .24;
  const JudgedQuestion size = with(near, figure(.1, .1)).present;
  EXPECT_EQ(size.answer, VerdictWord::kUndecided);
  EXPECT_EQ(size.to_decide, "about 70 types would tell whether it is 0.05 or more");
  EXPECT_EQ(size.words, "undecided: present, size undecided; about 70 types would tell whether it is 0.05 or more");
  TestedFigure wide = figure(.01, .01);
  wide.interval.mean = 0;
  wide.interval.lower = -.1;
  wide.interval.upper = .1;
  EXPECT_EQ(with(wide, figure(.1, .1)).present.words,
            "undecided: about 224 types would tell whether it is 0.05 or more");
  // D is around 0 beside nulls that lose .4, so that its own interval is what is undecided.
  const JudgedQuestion made = with(figure(.9, .1), figure(0, -.4, 1, .1)).made_here;
  EXPECT_EQ(made.answer, VerdictWord::kUndecided);
  EXPECT_EQ(made.words, "undecided: present, size undecided; about 224 types would tell whether it is 0.05 or more");
  EXPECT_EQ(with(figure(.9, .1), figure(.6, .05, 1)).present.to_decide, "");
}

TEST(Judged, PresenceCannotTellWhereNullCircuitsLeaveNoRoom) {
  const auto judged = [](double value, double nulls) {
    return only_one(judged_findings({cell("v", Block::kMlp, figure(value, nulls), figure(0, -.4, 1))}));
  };
  const auto present = [&](double value, double nulls) { return judged(value, nulls).present; };
  EXPECT_EQ(present(1, .96).answer, VerdictWord::kCannotTell);
  EXPECT_EQ(present(1, .96).to_decide, "types held out from masks would leave room");
  EXPECT_EQ(present(.95, .96).answer, VerdictWord::kCannotTell) << "below its nulls";
  EXPECT_EQ(present(.85, .9).answer, VerdictWord::kNo);
  EXPECT_TRUE(present(1, .96).is_significant());
  EXPECT_EQ(judged(1, .96).made_here.answer, VerdictWord::kNotTested);
}

TEST(Judged, MadeHereNeedsMoreThanTheInputTells) {
  const JudgedFinding found = only_one(judged_findings({cell("v", Block::kMlp, figure(.9, .1), figure(.6, .05, 1))}));
  EXPECT_EQ(found.made_here.answer, VerdictWord::kYes);
}

TEST(Judged, DeletionCannotTellWhereRandomSetsLeaveNothing) {
  ProbedCell at_floor = cell("a^2", Block::kAttention, figure(.98, .016), figure(-.02, -.4, 1));
  ablate(at_floor, .009, .011, .009);
  EXPECT_EQ(only_one(judged_findings({at_floor})).weights_needed.answer, VerdictWord::kCannotTell);
  ProbedCell harmed = at_floor;
  ablate(harmed, .2, .9);
  const JudgedQuestion needed = only_one(judged_findings({harmed})).weights_needed;
  EXPECT_EQ(needed.answer, VerdictWord::kYes);
  EXPECT_NEAR(*needed.statistic, .8, 1e-12);
  EXPECT_NEAR(*needed.null_mean, .1, .01);
}

/// Adds what only the circuit, and only random sets, leave of the accuracy on "Test".
void leave_only(ProbedCell& cell, double only, double random) {
  const TestedFigure gain = figure(only, random, 8);
  AblationResult kept{.target = AblationTarget::kComplement, .accuracy = {.mean = only, .n = 1}};
  kept.gain = gain.interval;
  AblationResult sets{.target = AblationTarget::kRandomComplement, .accuracy = spread(gain.nulls), .draws = gain.nulls};
  std::vector<AblationResult>& ablations = cell.findings.evaluation_sets.front().ablations;
  ablations.push_back(kept);
  ablations.push_back(sets);
}

JudgedFinding left_with(double only, double random, double component) {
  ProbedCell kept = cell("v", Block::kMlp, figure(.9, .1), figure(.6, .05, 1));
  ablate(kept, .2, .9, component);
  leave_only(kept, only, random);
  return only_one(judged_findings({kept}));
}

TEST(Judged, WeightsSufficeWhereTheyKeepNearlyAllAndRandomSetsDoNot) {
  const JudgedFinding yes = left_with(.97, .3, .1);
  EXPECT_EQ(yes.sufficient.answer, VerdictWord::kYes);
  EXPECT_EQ(yes.sufficient.p_adjusted, .05);
  EXPECT_NEAR(*yes.sufficient.statistic, .97, 1e-12);
  EXPECT_NEAR(*yes.sufficient.null_mean, .3, .01);
  EXPECT_NEAR(*yes.without_component, .1, 1e-12);
  EXPECT_NEAR(*yes.kept_share, .87 / .9, 1e-12);
  EXPECT_EQ(left_with(.6, .3, .1).sufficient.answer, VerdictWord::kPartly) << "under .9 of what the component adds";
  EXPECT_EQ(left_with(.3, .3, .1).sufficient.answer, VerdictWord::kNo);
  EXPECT_EQ(left_with(.99, .97, .1).sufficient.answer, VerdictWord::kCannotTell) << "random sets keep as much";
}

TEST(Judged, SufficiencyIsNotDefinedWhereTheBehaviourDoesWithoutTheComponent) {
  const JudgedFinding without = left_with(1, .98, .97);
  EXPECT_EQ(without.sufficient.answer, VerdictWord::kNotDefined);
  EXPECT_EQ(without.sufficient.words, "not defined");
  EXPECT_TRUE(without.sufficient.is_asked());
  ProbedCell full = cell("full", Block::kMlp, figure(.9, .1), figure(.6, .05, 1)), proper = full;
  ablate(full, .1, .9, .1);
  full.findings.n_weights = 100;
  ablate(proper, .2, .9, .1);
  leave_only(proper, .97, .3);
  proper.settings.cell.variable = "proper";
  const std::vector<JudgedFinding> both = judged_findings({full, proper});
  EXPECT_EQ(both.at(0).sufficient.answer, VerdictWord::kNotDefined) << "a full circuit, in a run that asks";
  EXPECT_EQ(both.at(1).sufficient.answer, VerdictWord::kYes);
  EXPECT_EQ(both.at(1).sufficient.n_findings, 1);
}

TEST(Judged, SufficiencyIsAskedOnlyWhereRandomSetsWereLeftAlone) {
  ProbedCell plain = cell("v", Block::kMlp, figure(.9, .1), figure(.6, .05, 1));
  ablate(plain, .2, .9, .1);
  plain.findings.evaluation_sets.front().ablations.push_back(
      {.target = AblationTarget::kComplement, .accuracy = {.mean = .97, .n = 1}});
  const JudgedFinding found = only_one(judged_findings({plain}));
  EXPECT_EQ(found.sufficient.answer, VerdictWord::kNotTested);
  EXPECT_FALSE(found.sufficient.is_asked());
}

/// An exchange of 100 rows that all follow the variable, and null variables that do not.
Findings::Exchange exchange() {
  Findings::Exchange on{.data = "Test", .n_rows = 100, .untouched = 1, .chance = .1, .effect = figure(.99, 0)};
  on.keep = on.keep_halves = on.moved = 1;
  on.carried = .98;
  on.left = .01;
  on.units = figure(.97, .1, 3);
  on.units_of_nulls = figure(.97, .96, 4).nulls;
  return on;
}

TEST(Judged, ExchangeSaysWhatTravelsWhereAndByWhom) {
  const JudgedFinding found = judged_exchange(exchange());
  EXPECT_EQ(found.through_component.answer, VerdictWord::kYes);
  EXPECT_EQ(found.through_units.answer, VerdictWord::kYes);
  EXPECT_EQ(found.keep, 1);
  EXPECT_EQ(found.donors, DonorKind::kTokens);
  EXPECT_FALSE(found.chosen_units.is_significant()) << "null circuits carry as much";
  Findings::Exchange chosen = exchange();
  chosen.units_of_nulls = figure(.97, .1, 4).nulls;
  const JudgedFinding by_v = judged_exchange(chosen);
  EXPECT_EQ(by_v.chosen_units.answer, VerdictWord::kYes);
  EXPECT_NEAR(*by_v.chosen_units.lower, .87 - .02, .01) << "beside null circuits, not random sets";
  chosen.units_of_nulls = figure(.97, .94, 4).nulls;
  const JudgedFinding hardly = judged_exchange(chosen);
  EXPECT_TRUE(hardly.chosen_units.is_significant());
  EXPECT_NE(hardly.chosen_units.answer, VerdictWord::kYes) << "above all null circuits, by less than .05";
}

TEST(Judged, ExchangeIsReservedOrUndefined) {
  Findings::Exchange on = exchange();
  on.keep = .8;
  EXPECT_EQ(judged_exchange(on).through_component.answer, VerdictWord::kPartly);
  on = exchange();
  on.untouched = .12;  // 12 of 100 rows, where one answer to all gets 10
  EXPECT_EQ(judged_exchange(on).through_component.answer, VerdictWord::kNotDefined);
  EXPECT_EQ(judged_exchange(on).through_units.answer, VerdictWord::kNotDefined);
  on = exchange();
  on.carried.reset();
  EXPECT_EQ(judged_exchange(on).through_component.answer, VerdictWord::kYes);
  EXPECT_EQ(judged_exchange(on).through_units.answer, VerdictWord::kNotDefined) << "the whole moves too few rows";
}

TEST(Judged, ComplementControlsGiveNoAnswer) {
  ProbedCell old = cell("a^2", Block::kMlp, {}, {});
  ablate(old, .2, .9);
  old.findings.presence.clear();
  old.findings.types.clear();
  old.findings.evaluation_sets[0].ablations[1].random_sets = RandomSets::kComplement;
  const JudgedFinding found = only_one(judged_findings({old}));
  EXPECT_EQ(found.present.answer, VerdictWord::kNotTested);
  EXPECT_EQ(found.weights_needed.answer, VerdictWord::kNotTested);
  EXPECT_FALSE(found.weights_needed.p_adjusted.has_value());
}

TEST(Judged, EmptyAndFullCircuitsLeaveDeletionUndefined) {
  for (const int64_t n_weights : {0, 100}) {
    ProbedCell whole = cell("v", Block::kMlp, figure(.9, .1), figure(0, 0, 1));
    ablate(whole, .2, .9);
    whole.findings.n_weights = n_weights;
    EXPECT_EQ(only_one(judged_findings({whole})).weights_needed.answer, VerdictWord::kNotDefined);
  }
}

TEST(Judged, FewNullVariablesAreTooFewTypes) {
  TestedFigure few = figure(.9, .1);
  few.nulls.resize(5);
  EXPECT_EQ(only_one(judged_findings({cell("v", Block::kMlp, few, few)})).present.answer, VerdictWord::kTooFewTypes);
  few.nulls.clear();
  EXPECT_EQ(only_one(judged_findings({cell("v", Block::kMlp, few, few)})).present.answer, VerdictWord::kNotTested);
}

TEST(Judged, FiguresThatAreNoNumbersGiveNoAnswer) {
  ProbedCell cell_of_nan = cell("v", Block::kMlp, figure(.9, .1), figure(.6, .05, 1));
  ablate(cell_of_nan, std::nan(""), .9);
  const JudgedFinding found = only_one(judged_findings({cell_of_nan}));
  EXPECT_EQ(found.present.answer, VerdictWord::kYes);
  EXPECT_EQ(found.weights_needed.answer, VerdictWord::kNotTested);
}

TEST(Judged, FindingsSayWhatTheirPAndIntervalAreOf) {
  TestedFigure of_these = figure(.9, .1);
  of_these.interval.is_for_these_types_only = true;
  const std::vector<JudgedFinding> found = judged_findings({cell("v", Block::kMlp, figure(.9, .1), figure(.6, .05, 1)),
                                                            cell("w", Block::kMlp, of_these, figure(.6, .05, 1))});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].present.n_findings, 2);
  EXPECT_EQ(found[0].present.n_types, 56);
  EXPECT_TRUE(found[0].present.is_significant());
  EXPECT_FALSE(found[0].present.is_for_these_types_only);
  EXPECT_TRUE(found[1].present.is_for_these_types_only);
}

TEST(Judged, TheSmallestEffectDecidesWhatCounts) {
  const std::vector<ProbedCell> cells = {cell("v", Block::kMlp, figure(.3, .1), figure(.2, .05, 1))};
  const auto answer = [&](double smallest) {
    return only_one(judged_findings(cells, {.smallest_effect = smallest})).present.answer;
  };
  EXPECT_EQ(answer(.05), VerdictWord::kYes);
  EXPECT_EQ(answer(.2), VerdictWord::kUndecided) << "the interval is .18 to .22";
  EXPECT_EQ(answer(.5), VerdictWord::kSmall);
  EXPECT_EQ(judged_exchange(exchange(), {.smallest_effect = .98}).through_component.answer, VerdictWord::kUndecided);
}

TEST(Judged, HolmsMethodMultipliesByTheFindings) {
  const std::vector<ProbedCell> cells = {cell("v", Block::kMlp, figure(.9, .1), figure(.6, .05, 1)),
                                         cell("w", Block::kMlp, figure(.9, .1), figure(.6, .05, 1))};
  for (const JudgedFinding& found : judged_findings(cells, {.correction = Correction::kHolm})) {
    EXPECT_EQ(found.present.p, .05);
    EXPECT_EQ(found.present.p_adjusted, .1);
    EXPECT_EQ(found.present.answer, VerdictWord::kUndecided) << "19 nulls are too few for two findings";
  }
  EXPECT_EQ(only_one(judged_findings({cells[0]}, {.correction = Correction::kHolm})).present.answer, VerdictWord::kYes);
}

TEST(Judged, QIsWorthNinetyNineNulls) {
  const auto with_nulls = [](int64_t n_as_strong, size_t n_nulls) {
    TestedFigure tested = figure(.9, .1);
    tested.nulls.assign(n_nulls, .1);
    std::fill_n(tested.nulls.begin(), n_as_strong, 1.0);
    return tested;
  };
  std::vector<ProbedCell> cells = {cell("v", Block::kMlp, with_nulls(1, 99), figure(.6, .05, 1)),
                                   cell("w", Block::kMlp, with_nulls(5, 99), figure(.6, .05, 1)),
                                   cell("few", Block::kMlp, with_nulls(9, 19), figure(.6, .05, 1))};
  std::vector<JudgedFinding> found = judged_findings(cells);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].present.p, .02);
  EXPECT_DOUBLE_EQ(found[0].present.q.value(), .06) << "three findings, and this p is the least";
  EXPECT_DOUBLE_EQ(found[1].present.q.value(), .09) << ".06 times 3 / 2";
  EXPECT_EQ(found[2].present.q, std::nullopt) << "19 nulls are too few for a q";
  EXPECT_EQ(found[0].made_here.q, std::nullopt);
}

TEST(Judged, SeedsAreOneFinding) {
  ProbedCell first = cell("v", Block::kMlp, figure(.9, .1), figure(.6, .05, 1));
  ProbedCell second = cell("v", Block::kMlp, figure(.7, .1, 5), figure(.4, .05, 2));
  second.settings.cell.seed = 1;
  const JudgedFinding found = only_one(judged_findings({first, second}));
  EXPECT_EQ(found.cells.size(), 2u);
  EXPECT_DOUBLE_EQ(*found.present.statistic, .8);
}

TEST(Judged, AFamilyOfNullsRarelyHasAnAnswer) {
  // 12 cells whose statistic is one more null: the least adjusted p is at most .05 in one of 20.
  int n_significant = 0;
  constexpr int kFamilies = 200;
  for (uint64_t seed = 0; seed < kFamilies; ++seed) {
    std::vector<ProbedCell> cells;
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(.1, .05);
    for (int c = 0; c < 12; ++c) {
      TestedFigure null{.value = normal(random)};
      for (int b = 0; b < 19; ++b) null.nulls.push_back(normal(random));
      null.interval = {.mean = 0, .lower = .1, .upper = .3, .n_types = 56};  // so that p alone decides
      cells.push_back(cell("v" + std::to_string(c), Block::kMlp, null, null));
    }
    bool any = false;
    for (const JudgedFinding& found : judged_findings(cells)) any |= found.present.answer == VerdictWord::kYes;
    n_significant += any ? 1 : 0;
  }
  EXPECT_LE(n_significant, 21) << "of 200: the 99.9 % bound at .05";
  EXPECT_GE(n_significant, 1);
}

}  // namespace
}  // namespace cprobe
