#include "cprobe/record/result_row.h"

#include <algorithm>
#include <cmath>

#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

const ComponentRef kMlp{0, Block::kMlp};

/// A circuit of `n` hidden neurons and no output units, with its ablations on one data set.
Findings findings(int64_t n, std::vector<AblationResult> ablations) {
  Findings f{.train_loss = 3.5, .test_loss = 4, .n_train = 20, .n_test = 11};
  f.circuit = {.matrices = matrices_of(testing::tiny_config(), kMlp)};
  f.circuit.members = {at::arange(12) < n, at::zeros({8}, at::kBool)};
  f.knn = {.dev = {.mean = .5, .sd = .1, .n = 3}, .test = {.mean = .25, .sd = .2, .n = 3}, .n_dev = 18, .n_test = 11};
  f.full_knn = {.dev = {.mean = .75, .n = 3}, .test = {.mean = .125, .n = 3}, .n_dev = 18, .n_test = 11};
  f.behaviours = {{.label = "Test", .vanilla = 1, .n_rows = 11, .ablations = std::move(ablations)}};
  return f;
}

Findings usual() {
  return findings(
      5, {{.target = AblationTarget::kCircuit, .accuracy = {.mean = .5, .n = 1}, .p = .25},
          {.target = AblationTarget::kRandom, .accuracy = {.mean = .9, .sd = .05, .n = 3}, .note = "drawn from x"},
          {.target = AblationTarget::kComplement, .accuracy = {.mean = .625, .n = 1}}});
}

/// The same with effects on the next token, which random controls have over two draws.
Findings with_effects() {
  Findings f = usual();
  f.behaviours[0].vanilla_log_probability = -.25;
  std::vector<AblationResult>& ablations = f.behaviours[0].ablations;
  ablations[0].effect = EffectSpread{.log_probability = {.mean = -2, .n = 1}, .divergence = {.mean = 1.5, .n = 1}};
  ablations[1].effect = EffectSpread{.log_probability = {.mean = -.5, .sd = .125, .n = 2},
                                     .divergence = {.mean = .25, .sd = .0625, .n = 2}};
  ablations[2].effect = EffectSpread{.log_probability = {.mean = -3, .n = 1}, .divergence = {.mean = 2.5, .n = 1}};
  return f;
}

/// The one figure of this name and control; fails the test where there is none.
Metric metric_of(const Findings& f, const std::string& name, const std::string& control) {
  for (const Metric& m : metrics(f)) {
    if (m.metric == name && m.control == control) return m;
  }
  throw std::runtime_error("no metric '" + name + "' of '" + control + "'");
}

/// The text of one column; fails the test where there is none.
std::string value(const ResultRow& row, const std::string& name) {
  const auto found = std::ranges::find(row, name, &ResultRow::value_type::first);
  if (found == row.end()) throw std::runtime_error("no column '" + name + "'");
  return field_text(found->second);
}

ResultRow row_of(const Findings& f, const Spec& spec = {}) {
  return result_row(spec, {.variable = "var_0", .component = kMlp}, "id", f);
}

TEST(ResultRow, BeginsWithTheReferencesColumnsInItsOrder) {
  Spec spec;
  spec.ablation.n_random = 0;
  std::vector<std::string> names;
  for (const auto& [name, field] : row_of(usual(), spec)) names.push_back(name);
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
  EXPECT_EQ(value(row, "ablation note Test"), "random controls drawn from x");
  EXPECT_EQ(value(row, "circuit"), "proper part");
}

TEST(ResultRow, SaysInWordsThatACircuitIsEmpty) {
  const Findings empty = findings(0, {{.accuracy = {.mean = 1, .n = 1}, .note = "empty circuit: nothing to remove"},
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
  f.behaviours[0].ablations = {
      {.accuracy = {.mean = .5}},
      {.matrix = "c_fc", .accuracy = {.mean = .6}},
      {.matrix = "c_proj", .accuracy = {.mean = .7}},
      {.target = AblationTarget::kComplement, .accuracy = {.mean = .1}},
      {.fill = Fill::kMean, .accuracy = {.mean = .8}},
  };
  Spec spec;
  spec.ablation = {.fills = {Fill::kZero, Fill::kMean}, .n_random = 0, .per_matrix = true};
  const ResultRow row = row_of(f, spec);
  EXPECT_EQ(value(row, " ablated acc Test"), "0.5");
  EXPECT_EQ(value(row, "c_fc ablated acc Test"), "0.6");
  EXPECT_EQ(value(row, "c_proj vanilla acc Test"), "1.0");
  EXPECT_EQ(value(row, "ablated acc Test (mean fill)"), "0.8");
}

TEST(ResultRow, EndsInTheEffectsWhereTheSpecAsksForThem) {
  Spec spec;
  spec.ablation.effect = true;
  const ResultRow row = row_of(with_effects(), spec);
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
  for (size_t i = 0; i < without.size(); ++i) EXPECT_EQ(row[i].first, without[i].first) << "they come last";

  Findings empty = with_effects();  // an empty circuit has no random controls
  empty.behaviours[0].ablations.erase(empty.behaviours[0].ablations.begin() + 1);
  EXPECT_THAT(value(row_of(empty, spec), "random ablate KL divergence mean Test"), IsEmpty());
  EXPECT_EQ(row_of(empty, spec).size(), row.size()) << "cells of one spec have the same columns";
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
  one_matrix.behaviours[0].ablations[0].matrix = "c_fc";
  one_matrix.behaviours[0].ablations[0].fill = Fill::kMean;
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
  EXPECT_EQ(find("ablated_accuracy Test", "random").note, "drawn from x");
  EXPECT_EQ(find("ablated_accuracy Test", "complement").n, 11);
  EXPECT_EQ(find("circuit_weights", "").value, 40);
}

TEST(NumberText, IsWhatPythonPrints) {
  EXPECT_EQ(number_text(1), "1.0");
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(1e-7), "1e-07");
  EXPECT_EQ(number_text(0.0088097102584181), "0.0088097102584181");
}

}  // namespace
}  // namespace cprobe
