#include "cprobe/record/findings_codec.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "cprobe/core/number_text.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

const ComponentRef kMlp{0, Block::kMlp};

/// Findings on a circuit of `n` hidden neurons, each of 8 incoming weights, with ablations on one
/// evaluation set.
Findings findings(int64_t n, std::vector<AblationResult> ablations) {
  Findings f{.train_loss = 3.5, .test_loss = 4, .n_train = 20, .n_test = 11, .n_weights = 8 * n, .max_weights = 192};
  f.knn = {.dev = {.mean = .5, .sd = .1, .n = 3}, .test = {.mean = .25, .sd = .2, .n = 3}, .n_dev = 18, .n_test = 11};
  f.full_knn = {.dev = {.mean = .75, .n = 3}, .test = {.mean = .125, .n = 3}, .n_dev = 18, .n_test = 11};
  f.evaluation_sets = {{.label = "Test", .untouched = 1, .n_rows = 11, .ablations = std::move(ablations)}};
  return f;
}

Findings usual() {
  return findings(5, {{.target = AblationTarget::kCircuit, .accuracy = {.mean = .5, .n = 1}, .p = .25},
                      {.target = AblationTarget::kRandom,
                       .accuracy = {.mean = .9, .sd = .05, .n = 3},
                       .random_sets = RandomSets::kComplement,
                       .drawn_from_all = {"x"}},
                      {.target = AblationTarget::kComplement, .accuracy = {.mean = .625, .n = 1}}});
}

/// The findings of `usual`, with effects on the next token. Random controls have effects over two
/// draws.
Findings with_effects() {
  Findings f = usual();
  f.evaluation_sets[0].untouched_log_probability = -.25;
  std::vector<AblationResult>& ablations = f.evaluation_sets[0].ablations;
  ablations[0].effect = EffectSpread{.log_probability = {.mean = -2, .n = 1}, .divergence = {.mean = 1.5, .n = 1}};
  ablations[1].effect = EffectSpread{.log_probability = {.mean = -.5, .sd = .125, .n = 2},
                                     .divergence = {.mean = .25, .sd = .0625, .n = 2}};
  ablations[2].effect = EffectSpread{.log_probability = {.mean = -3, .n = 1}, .divergence = {.mean = 2.5, .n = 1}};
  return f;
}

CellSettings settings() {
  return {.cell = {.variable = "var_0", .component = kMlp}};
}

std::vector<Metric> metrics(const Findings& f) {
  return encode({"id", settings(), f}, {}).metrics;
}

/// The figure of this name and control; fails the test if there is none.
Metric metric_of(const Findings& f, const std::string& name, const std::string& control) {
  for (const Metric& m : metrics(f)) {
    if (m.metric == name && m.control == control) return m;
  }
  throw std::runtime_error("no metric '" + name + "' of '" + control + "'");
}

/// The text of one column; fails the test if there is none.
std::string value(const ResultRow& row, const std::string& name) {
  const auto found = std::ranges::find(row, name, &ResultField::name);
  if (found == row.end()) throw std::runtime_error("no column '" + name + "'");
  return found->text;
}

ResultRow row_of(const Findings& f, const AblationOptions& asked = {}) {
  return encode({"id", settings(), f}, asked).row;
}

TEST(ResultRow, BeginsWithTheReferencesColumnsInItsOrder) {
  std::vector<std::string> names;
  for (const ResultField& field : row_of(usual(), {.n_random = 0})) names.push_back(field.name);
  const std::vector<std::string> reference = {"variable",
                                              "model_id",
                                              "task",
                                              "train length",
                                              "test length",
                                              "batch_size",
                                              "lr",
                                              "data_seed",
                                              "model_seed",
                                              "target_layer",
                                              "operation",
                                              "probe index",
                                              "mask_init",
                                              "model path",
                                              "train loss",
                                              "test loss",
                                              "knn dev acc",
                                              "dev majority acc",
                                              "knn test acc",
                                              "test majority acc",
                                              "full model knn dev acc",
                                              "full model knn test acc",
                                              "L0 Norm",
                                              "L0 Max",
                                              " vanilla acc Test",
                                              " ablated acc Test"};
  ASSERT_GT(names.size(), reference.size());
  names.resize(reference.size());
  EXPECT_THAT(names, ElementsAreArray(reference));
}

TEST(ResultRow, HoldsTheFindings) {
  const ResultRow row = row_of(usual());
  EXPECT_EQ(value(row, "L0 Norm"), "40.0") << "5 neurons with 8 incoming weights each";
  EXPECT_EQ(value(row, "L0 Max"), "192");
  EXPECT_EQ(value(row, "knn test acc"), "0.25");
  EXPECT_EQ(value(row, "knn test sd"), "0.2");
  EXPECT_EQ(value(row, "full model knn dev acc"), "0.75");
  EXPECT_EQ(value(row, " ablated acc Test"), "0.5");
  EXPECT_EQ(value(row, "random ablate acc mean Test"), "0.9");
  EXPECT_EQ(value(row, "random ablate acc std Test"), number_text(.05 * std::sqrt(2.0 / 3))) << "n in the denominator";
  EXPECT_EQ(value(row, "ablated p Test"), "0.25");
  EXPECT_EQ(value(row, "random controls Test"), "3");
  EXPECT_EQ(value(row, "complement ablated acc Test"), "0.625");
  EXPECT_EQ(value(row, "ablation note Test"), "random controls drawn from all units in x");
  EXPECT_EQ(value(row, "circuit"), "proper part");
}

TEST(ResultRow, SaysInWordsThatACircuitIsEmpty) {
  const Findings empty = findings(0, {{.extent = Extent::kEmpty, .accuracy = {.mean = 1, .n = 1}},
                                      {.target = AblationTarget::kComplement, .accuracy = {.mean = .1, .n = 1}}});
  const ResultRow row = row_of(empty);
  EXPECT_EQ(value(row, "circuit"), "empty");
  EXPECT_EQ(value(row, "ablation note Test"), "empty circuit: nothing to remove");
  EXPECT_THAT(value(row, "random ablate acc mean Test"), IsEmpty());
  EXPECT_THAT(value(row, "ablated p Test"), IsEmpty());
  EXPECT_EQ(value(row, "random controls Test"), "0");
  EXPECT_EQ(value(row_of(usual()), "circuit"), "proper part");
  EXPECT_EQ(row.size(), row_of(usual()).size()) << "cells of one spec have the same columns";
}

TEST(ResultRow, HasAColumnForEachFillAndMatrix) {
  Findings f = usual();
  f.evaluation_sets[0].ablations = {
      {.accuracy = {.mean = .5}},
      {.matrix = "c_fc", .accuracy = {.mean = .6}},
      {.matrix = "c_proj", .accuracy = {.mean = .7}},
      {.target = AblationTarget::kComplement, .accuracy = {.mean = .1}},
      {.fill = Fill::kMean, .accuracy = {.mean = .8}},
  };
  const ResultRow row = row_of(f, {.fills = {Fill::kZero, Fill::kMean}, .n_random = 0, .per_matrix = true});
  EXPECT_EQ(value(row, " ablated acc Test"), "0.5");
  EXPECT_EQ(value(row, "c_fc ablated acc Test"), "0.6");
  EXPECT_EQ(value(row, "c_proj vanilla acc Test"), "1.0");
  EXPECT_EQ(value(row, "ablated acc Test (mean fill)"), "0.8");
}

TEST(ResultRow, HasWhatOnlyRandomSetsKeepWhereTheSpecAsksForIt) {
  Findings f = usual();
  f.evaluation_sets[0].ablations.push_back(
      {.target = AblationTarget::kRandomComplement, .accuracy = {.mean = .25, .sd = .125, .n = 3}});
  const ResultRow row = row_of(f, {.sufficiency = true});
  EXPECT_EQ(value(row, "random complement ablated acc mean Test"), "0.25");
  EXPECT_EQ(value(row, "random complement ablated acc sd Test"), "0.125");
  EXPECT_THAT(value(row_of(usual(), {.sufficiency = true}), "random complement ablated acc mean Test"), IsEmpty());
  EXPECT_EQ(row_of(usual()).size() + 2, row.size());
}

TEST(ResultRow, EndsInTheEffectsWhereTheSpecAsksForThem) {
  const AblationOptions asked{.effect = true};
  const ResultRow row = row_of(with_effects(), asked);
  EXPECT_EQ(value(row, "vanilla log probability Test"), "-0.25");
  EXPECT_EQ(value(row, "ablated log probability Test"), "-2.0");
  EXPECT_EQ(value(row, "ablated KL divergence Test"), "1.5");
  EXPECT_EQ(value(row, "random ablate log probability mean Test"), "-0.5");
  EXPECT_EQ(value(row, "random ablate log probability sd Test"), "0.125") << "n - 1 in the denominator";
  EXPECT_EQ(value(row, "random ablate KL divergence mean Test"), "0.25");
  EXPECT_EQ(value(row, "random ablate KL divergence sd Test"), "0.0625");
  EXPECT_EQ(value(row, "complement ablated log probability Test"), "-3.0");
  EXPECT_EQ(value(row, "complement ablated KL divergence Test"), "2.5");
  const ResultRow without = row_of(with_effects());
  ASSERT_EQ(row.size(), without.size() + 9);
  for (size_t i = 0; i < without.size(); ++i) EXPECT_EQ(row[i].name, without[i].name) << "they come last";

  Findings empty = with_effects();  // An empty circuit has no random controls.
  empty.evaluation_sets[0].ablations.erase(empty.evaluation_sets[0].ablations.begin() + 1);
  EXPECT_THAT(value(row_of(empty, asked), "random ablate KL divergence mean Test"), IsEmpty());
  EXPECT_EQ(row_of(empty, asked).size(), row.size()) << "cells of one spec have the same columns";
}

TEST(Metrics, OfEffectsHaveTheirControlsAndDraws) {
  const Findings f = with_effects();
  EXPECT_EQ(metric_of(f, "vanilla_log_probability Test", "").value, -.25);
  EXPECT_EQ(metric_of(f, "vanilla_log_probability Test", "").n, 11);
  EXPECT_EQ(metric_of(f, "log_probability Test", "").value, -2);
  EXPECT_EQ(metric_of(f, "log_probability Test", "").n, 11) << "rows";
  EXPECT_FALSE(metric_of(f, "log_probability Test", "").p.has_value()) << "p is of accuracy";
  EXPECT_EQ(metric_of(f, "kl_divergence Test", "").value, 1.5);
  EXPECT_EQ(metric_of(f, "kl_divergence Test", "random").value, .25);
  EXPECT_EQ(metric_of(f, "kl_divergence Test", "random").n, 2) << "draws";
  EXPECT_EQ(metric_of(f, "kl_divergence Test", "random").sd, .0625);
  EXPECT_EQ(metric_of(f, "log_probability Test", "random").sd, .125);
  EXPECT_EQ(metric_of(f, "log_probability Test", "complement").value, -3);
  EXPECT_EQ(metrics(f).size(), metrics(usual()).size() + 7);

  Findings one_matrix = with_effects();
  one_matrix.evaluation_sets[0].ablations[0].matrix = "c_fc";
  one_matrix.evaluation_sets[0].ablations[0].fill = Fill::kMean;
  EXPECT_EQ(metric_of(one_matrix, "kl_divergence Test c_fc (mean fill)", "").value, 1.5);
}

TEST(Metrics, SayWhatEachFigureIsOfAndOverHowMany) {
  const auto find = [](const char* name, const char* control) { return metric_of(usual(), name, control); };
  EXPECT_EQ(find("knn_test_accuracy", "").value, .25);
  EXPECT_EQ(find("knn_test_accuracy", "").n, 11) << "tokens";
  EXPECT_EQ(find("knn_test_accuracy", "").sd, .2);
  EXPECT_EQ(find("knn_dev_accuracy", "full model").value, .75);
  EXPECT_EQ(find("knn_dev_accuracy", "full model").n, 18);
  EXPECT_EQ(find("ablated_accuracy Test", "").p, .25);
  EXPECT_EQ(find("ablated_accuracy Test", "random").n, 3) << "draws";
  EXPECT_EQ(find("ablated_accuracy Test", "random").sd, .05);
  EXPECT_EQ(find("ablated_accuracy Test", "random").note, "drawn from all units in x");
  EXPECT_EQ(find("ablated_accuracy Test", "complement").n, 11);
  EXPECT_EQ(find("circuit_weights", "").value, 40);
}

/// A cell with settings, evaluation sets, fills, matrices, controls and effects drawn at random.
ProbedCell drawn_cell(uint64_t seed, AblationOptions& asked) {
  std::mt19937_64 random(seed);
  const auto below = [&](size_t n) { return static_cast<int64_t>(random() % n); };
  const auto number = [&] { return std::ldexp(static_cast<double>(random() >> 11), -53); };
  const auto maybe = [&](bool there) { return there ? std::optional(number()) : std::nullopt; };
  const bool is_full = below(4) == 0, is_empty = !is_full && below(4) == 0;
  asked = {.fills = {kFills.begin() + below(2), kFills.end() - below(2)},
           .n_random = 3 * below(2),
           .per_matrix = below(2) == 0,
           .complement = below(2) == 0,
           .sufficiency = below(2) == 0,
           .effect = below(2) == 0};
  ProbedCell cell{.id = fmt::format("{:016x}", random())};
  CellSettings& s = cell.settings;
  s.mask_method = kMaskKinds[static_cast<size_t>(below(kMaskKinds.size()))];
  s.task = "a task, \"quoted\"";
  s.model = "runs/é";
  s.cell = {.variable = "Wert (1)",
            .component = {below(9), below(2) == 0 ? Block::kAttention : Block::kMlp},
            .position = below(9) - 4,
            .seed = random() >> 1,
            .learning_rate = number(),
            .batch_size = 2 + below(500),
            .mask_option = number()};
  s.data_seed = static_cast<uint64_t>(below(1 << 30));
  s.protocol = below(2) == 0 ? Protocol::kDefault : Protocol::kPaper;
  s.control = kModelControls[static_cast<size_t>(below(kModelControls.size()))];
  s.unit = below(2) == 0 ? MaskUnit::kNeuron : MaskUnit::kWeight;
  Findings& f = cell.findings;
  f = {.train_loss = number(), .test_loss = number(), .n_train = below(9999), .n_test = below(9999)};
  f.max_weights = 1 + below(1 << 30);
  f.n_weights = is_empty ? 0 : is_full ? f.max_weights : f.max_weights / 2;
  const int64_t n_draws = 1 + below(5);
  const auto figure = [&](int64_t n) { return Spread{.mean = number(), .sd = maybe(n > 1), .n = n}; };
  f.knn = {.dev = figure(n_draws),
           .test = figure(n_draws),
           .dev_majority = number(),
           .test_majority = number(),
           .n_dev = below(999),
           .n_test = below(999)};
  f.full_knn = f.knn;
  f.full_knn.dev = figure(n_draws);
  f.full_knn.test = figure(n_draws);
  const auto list = [&](int64_t n) {
    std::vector<double> numbers;
    for (int64_t i = 0; i < n; ++i) numbers.push_back(number());
    return numbers;
  };
  const auto interval = [&](double mean) {
    return Interval{.mean = mean,
                    .lower = number(),
                    .upper = number(),
                    .n_types = 1 + below(99),
                    .is_approximate = below(2) == 0,
                    .is_for_these_types_only = below(2) == 0};
  };
  const int64_t n_nulls = below(3) == 0 ? 0 : 2 + below(4);
  const auto tested = [&] {
    TestedFigure one{.value = number(), .nulls = list(n_nulls)};
    const double null_mean = one.nulls.empty() ? 0 : spread(one.nulls).mean;
    if (below(4) > 0) one.interval = interval(one.value - null_mean);
    return one;
  };
  if (below(4) > 0) {
    f.types = "tokens 0 and 1";
    f.n_held_out = below(3);
    if (n_nulls > 0) f.null_kind = "permuted tokens";
    for (int64_t b = 0; b < n_nulls; ++b) f.null_weights.push_back(below(99));
    for (const char* label : {"IID", "IID Gen"}) {
      Findings::Presence& on = f.presence.emplace_back();
      on = {.data = label, .present = tested(), .whole = number(), .received_from = "token 0", .made_here = tested()};
      for (const char* position : {"the probed token", "token 0"})
        on.inputs.push_back({position, number(), list(n_nulls)});
    }
  }
  for (int64_t i = below(4); i > 0; --i) {
    f.path.push_back({.l0_weight = number(),
                      .n_weights = below(99),
                      .accuracy = number(),
                      .standard_error = number(),
                      .is_chosen = i == 1});
  }
  if (below(2) == 0) {
    for (const char* label : {"IID", "IID Gen"}) {
      Findings::Exchange& on = f.exchanges.emplace_back();
      on = {.data = label,
            .n_rows = 1 + below(999),
            .donors = kAllDonorKinds[static_cast<size_t>(below(kAllDonorKinds.size()))],
            .untouched = number(),
            .chance = number(),
            .effect = tested(),
            .keep = number(),
            .keep_halves = number(),
            .moved = number(),
            .null_moved = number()};
      if (below(3) == 0) continue;  // The whole component moves too few rows.
      on.carried = number();
      on.left = number();
      on.units = tested();
      on.units_of_nulls = list(n_nulls);
    }
  }
  for (const char* label : {"IID", "IID Gen", "Male (mean fill)"}) {
    Findings::OnEvaluationSet& on = f.evaluation_sets.emplace_back();
    on = {
        .label = label, .untouched = number(), .untouched_log_probability = maybe(asked.effect), .n_rows = below(999)};
    const Extent extent = is_empty ? Extent::kEmpty : is_full ? Extent::kFull : Extent::kPart;
    const auto add = [&](AblationTarget target, Fill fill, const std::string& matrix, int64_t n) -> AblationResult& {
      AblationResult& a = on.ablations.emplace_back();
      a = {.target = target, .fill = fill, .matrix = matrix, .extent = extent, .accuracy = figure(n)};
      if (asked.effect) a.effect = EffectSpread{figure(n), figure(n)};
      return a;
    };
    for (const Fill fill : asked.fills) {
      std::vector<std::string> matrices = {std::string(kWhole)};
      if (asked.per_matrix) matrices.insert(matrices.end(), {"c_attn", "c_proj"});
      for (const std::string& matrix : matrices) {
        const bool has_controls = asked.n_random > 0 && !is_empty && !is_full;
        AblationResult& circuit = add(AblationTarget::kCircuit, fill, matrix, 1);
        circuit.p = maybe(has_controls);
        if (has_controls && below(2) == 0) circuit.harm = interval(number());
        if (has_controls) {
          AblationResult& controls = add(AblationTarget::kRandom, fill, matrix, asked.n_random);
          controls.draws = {number(), number(), number()};
          if (below(2) == 0) controls.random_sets = RandomSets::kComplement;
          if (controls.random_sets == RandomSets::kComplement && below(2) == 0) {
            controls.drawn_from_all = {"c_attn", "c_proj"};
          }
        }
      }
      if (asked.complement) {
        const bool leaves_random = asked.sufficiency && asked.n_random > 0 && fill == asked.fills.front();
        AblationResult& complement = add(AblationTarget::kComplement, fill, std::string(kWhole), 1);
        if (leaves_random) complement.gain = interval(number());
        if (leaves_random) {
          AblationResult& sets = add(AblationTarget::kRandomComplement, fill, std::string(kWhole), asked.n_random);
          sets.extent = Extent::kPart;
          sets.draws = list(asked.n_random);
        }
      }
      if (asked.component) add(AblationTarget::kComponent, fill, std::string(kWhole), 1).extent = Extent::kPart;
      if (n_nulls > 0 && fill == asked.fills.front()) {
        AblationResult& nulls = add(AblationTarget::kNull, fill, std::string(kWhole), n_nulls);
        nulls.extent = Extent::kPart;
        nulls.draws = list(n_nulls);
      }
    }
  }
  return cell;
}

TEST(FindingsCodec, DecodesWhatItEncoded) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    AblationOptions asked;
    const ProbedCell cell = drawn_cell(seed, asked);
    const ProbedCell back = decode(encode(cell, asked));
    EXPECT_EQ(back.id, cell.id);
    EXPECT_EQ(back.settings, cell.settings) << seed;
    EXPECT_EQ(back.findings, cell.findings) << seed;
  }
}

TEST(FindingsCodec, KeepsExchangesAndTheirDonors) {
  for (const bool is_approximate : {false, true}) {
    ProbedCell cell{"id", settings(), usual()};
    for (const DonorKind kind : kAllDonorKinds) {
      const TestedFigure effect{
          .value = .5, .nulls = {.25, .75}, .interval = {.mean = 0, .lower = -.25, .upper = .25, .n_types = 12}};
      Findings::Exchange& on = cell.findings.exchanges.emplace_back();
      on = {.data = std::string(to_string(kind)), .n_rows = 60, .donors = kind, .untouched = 1, .effect = effect};
      on.effect.interval.is_approximate = is_approximate;
      on.keep = .875;
      on.carried = .5;
      on.left = .25;
      on.units = {.value = .25};
      on.units_of_nulls = {.125, .25};
    }
    EXPECT_EQ(decode(encode(cell, {})).findings, cell.findings);
  }
}

TEST(FindingsCodec, NamesTheDonorsOfSentencesOnly) {
  Findings f = usual();
  f.exchanges = {{.data = "Test"}};
  EXPECT_EQ(metric_of(f, "exchange_effect Test", "").note, "") << "as earlier versions wrote";
  f.exchanges[0].donors = DonorKind::kRows;
  EXPECT_EQ(metric_of(f, "exchange_effect Test", "").note, "donors: other rows of the same length");
}

TEST(FindingsCodec, KeepsNumbersThatAreNone) {
  Findings f = usual();
  f.train_loss = std::nan("");
  f.evaluation_sets[0].ablations[0].accuracy.mean = std::nan("");
  const Findings back = decode(encode({"id", settings(), f}, {})).findings;
  EXPECT_TRUE(std::isnan(back.train_loss));
  EXPECT_TRUE(std::isnan(back.evaluation_sets[0].ablations[0].accuracy.mean));
}

TEST(FindingsCodec, RefusesAFigureThatIsNoNumber) {
  EncodedFindings encoded = encode({"id", settings(), usual()}, {});
  std::ranges::find(encoded.row, "lr", &ResultField::name)->text = "fast";
  EXPECT_FAILED_ERROR(decode(encoded), "'fast' as lr");
}

TEST(FindingsCodec, GivesDefaultsForWhatAnEarlierVersionDidNotRecord) {
  const ProbedCell cell = decode({{{"variable", "x", true}, {"probe index", "3", false}}, {}});
  EXPECT_EQ(cell.settings.cell.variable, "x");
  EXPECT_EQ(cell.settings.cell.position, 3);
  EXPECT_EQ(cell.findings, Findings());
}

}  // namespace
}  // namespace cprobe
