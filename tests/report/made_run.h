/// Makes run folders with finished cells of any name and figure, through the store and without a
/// model.
#pragma once

#include <ATen/ATen.h>

#include "cprobe/circuit/circuit.h"
#include "cprobe/record/findings_codec.h"
#include "cprobe/record/store.h"
#include "cprobe/report/report_data.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe::testing {

/// A finished cell of a model of `tiny_config`. Its mask has 5 units of the component's first
/// matrix, or is empty.
struct MadeCell {
  std::string variable = "var_0";
  int64_t layer = 0;
  Block block = Block::kMlp;
  int64_t position = -1;
  uint64_t seed = 0;
  ModelControl control = ModelControl::kNone;
  double knn = 0.9;
  double majority = 0.1;
  double other_types = 0.9;        ///< Accuracy on other types; of null circuits about .1.
  double input = 0.95;             ///< The same from the input at token 0; of null variables about .1.
  double ablated = 0.2;            ///< Task accuracy with the mask ablated; with random sets about .7.
  std::optional<double> p = 0.01;  ///< None: the mask is empty.
  int64_t n_epochs = 0;            ///< Of mask training; with epochs there is a path of L0 weights, too.
  bool has_file = false;           ///< Whether to write the circuit's file.
  Fill fill = Fill::kZero;
  /// Task accuracy with only the mask left, with random sets about .3. None: .8, and not asked.
  std::optional<double> only = {};
  std::string model = "a/model";
  /// As a record of an earlier version: nothing of question 1, and controls from the complement.
  bool is_earlier = false;
};

/// `n` numbers around a mean, `step` apart.
inline std::vector<double> spaced(double mean, double step, int64_t n) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < n; ++i) numbers.push_back(mean + step * static_cast<double>(2 * i - n + 1) / 2);
  return numbers;
}

/// An interval .04 wide over 56 types.
inline Interval interval_around(double mean) {
  return {.mean = mean, .lower = mean - .02, .upper = mean + .02, .n_types = 56};
}

/// A statistic beside 19 nulls, .001 apart.
inline TestedFigure tested(double value, double null_mean) {
  return {.value = value, .nulls = spaced(null_mean, .001, 19), .interval = interval_around(value - null_mean)};
}

inline Circuit circuit_of(const MadeCell& cell) {
  const ComponentRef component{cell.layer, cell.block};
  ModelConfig config = tiny_config();
  config.n_layers = cell.layer + 1;
  Circuit circuit{.matrices = matrices_of(config, component)};
  for (const MatrixInfo& matrix : circuit.matrices) {
    circuit.members.push_back(at::arange(matrix.n_out) < (cell.p && circuit.members.empty() ? 5 : 0));
  }
  return circuit;
}

/// Question 1 on "Test", with 19 null variables.
inline void add_presence(Findings& f, const MadeCell& cell) {
  f.types = "token 0";
  f.null_kind = "permuted tokens";
  f.null_weights.assign(19, 40);
  f.presence = {
      {.data = "Test",
       .present = tested(cell.other_types, .1),
       .whole = .5,
       .inputs = {{"the probed token", .05, spaced(.05, .001, 19)}, {"token 0", cell.input, spaced(.1, .001, 19)}},
       .received_from = "token 0",
       .made_here = tested(cell.other_types - cell.input, 0)}};
}

inline Findings findings_of(const MadeCell& cell) {
  const Circuit circuit = circuit_of(cell);
  Findings f{.n_test = 1000, .n_weights = circuit.n_weights(), .max_weights = circuit.max_weights()};
  f.knn = {.test = {.mean = cell.knn, .sd = 0.01, .n = 20}, .test_majority = cell.majority, .n_test = 1000};
  f.full_knn = {.test = {.mean = 0.5, .sd = 0.02, .n = 20}, .test_majority = cell.majority, .n_test = 1000};
  if (!cell.is_earlier) add_presence(f, cell);
  if (cell.n_epochs > 0) {
    const int64_t n = f.max_weights;
    f.path = {{.l0_weight = 1e-7, .n_weights = n, .accuracy = 0.5, .standard_error = 0.02},
              {.l0_weight = 1e-6, .n_weights = n / 2, .accuracy = 0.9, .standard_error = 0.01, .is_chosen = true},
              {.l0_weight = 1e-5, .n_weights = n / 8, .accuracy = 0.4}};
  }
  f.evaluation_sets = {{.label = "Test", .untouched = 1, .n_rows = 500}};
  std::vector<AblationResult>& ablations = f.evaluation_sets[0].ablations;
  ablations.push_back(
      {.target = AblationTarget::kCircuit, .fill = cell.fill, .accuracy = {.mean = cell.ablated, .n = 1}, .p = cell.p});
  if (cell.p && cell.is_earlier) {
    ablations.push_back({.target = AblationTarget::kRandom,
                         .fill = cell.fill,
                         .accuracy = {.mean = 0.7, .sd = 0.05, .n = 99},
                         .draws = {0.6, 0.8},
                         .random_sets = RandomSets::kComplement,
                         .drawn_from_all = {"c_fc"}});
  } else if (cell.p) {
    ablations.back().harm = interval_around(.7 - cell.ablated);
    const std::vector<double> draws = spaced(.7, .0005, 39);
    ablations.push_back(
        {.target = AblationTarget::kRandom, .fill = cell.fill, .accuracy = spread(draws), .draws = draws});
  }
  ablations.push_back(
      {.target = AblationTarget::kComplement, .fill = cell.fill, .accuracy = {.mean = cell.only.value_or(.8), .n = 1}});
  if (cell.is_earlier) return f;
  if (cell.p && cell.only) {
    ablations.back().gain = interval_around(*cell.only - .3);
    const std::vector<double> draws = spaced(.3, .0005, 39);
    ablations.push_back(
        {.target = AblationTarget::kRandomComplement, .fill = cell.fill, .accuracy = spread(draws), .draws = draws});
  }
  ablations.push_back({.target = AblationTarget::kComponent, .fill = cell.fill, .accuracy = {.mean = 0, .n = 1}});
  const std::vector<double> nulls = spaced(.5, .01, 19);
  ablations.push_back({.target = AblationTarget::kNull, .fill = cell.fill, .accuracy = spread(nulls), .draws = nulls});
  return f;
}

/// The cell in a report, without a record of its run. @param run  index in ReportData::runs.
inline ReportedCell reported(const MadeCell& cell, size_t run = 0) {
  ReportedCell made;
  made.settings.cell = {
      .variable = cell.variable, .component = {cell.layer, cell.block}, .position = cell.position, .seed = cell.seed};
  made.settings.control = cell.control;
  made.settings.task = "arithmetic";
  made.settings.model = cell.model;
  made.findings = findings_of(cell);
  made.run = run;
  return made;
}

/// Makes `folder` a run with these cells, all finished.
inline void make_run(const std::filesystem::path& folder, const std::vector<MadeCell>& cells,
                     const Invocation& call = {.command = "cprobe fit spec.yaml"}, const JudgeOptions& judge = {},
                     const Titles& titles = {}) {
  Store store = Store::open(folder);
  std::vector<PlannedCell> plan;
  for (size_t i = 0; i < cells.size(); ++i) {
    plan.push_back({fmt::format("{:016x}", i), "circuit probing", fmt::format("cell {}", i)});
  }
  store.plan(plan, "data", judge, titles);
  store.begin(call);
  for (size_t i = 0; i < cells.size(); ++i) {
    const MadeCell& made = cells[i];
    ProbedCell probed = reported(made);
    probed.id = plan[i].id;
    const Cell& cell = probed.settings.cell;
    EncodedFindings found = encode(probed, {.fills = {made.fill}});
    FinishedCell finished{.variable = made.variable,
                          .site = to_string(cell.component),
                          .position = made.position,
                          .seed = made.seed,
                          .seconds = 1,
                          .metrics = std::move(found.metrics),
                          .row = std::move(found.row)};
    for (int64_t e = 0; e < made.n_epochs; ++e) {
      const double loss = 4 - static_cast<double>(e) / 123.456;
      finished.curve.push_back({.loss = loss, .objective = loss, .n_kept = 600 - e});
    }
    if (made.has_file) {
      finished.circuit_file = fmt::format("circuits/{}.safetensors", plan[i].id);
      finished.circuit = circuit_bytes(circuit_of(made));
    }
    store.record(plan[i].id, finished);
  }
}

/// Adds a finished cell of a comparison method to a run.
inline void add_method(const std::filesystem::path& folder, const std::string& variable,
                       const std::vector<Metric>& figures) {
  Store store = Store::open(folder);
  store.plan({{"ff", "linear_probe", "linear_probe"}}, "data");
  store.record("ff", {.variable = variable, .site = "L0.post", .metrics = figures});
}

}  // namespace cprobe::testing
