/// Makes run folders with finished cells of any name and figure, through the store and without a
/// model.
#pragma once

#include <ATen/ATen.h>

#include "cprobe/circuit/circuit.h"
#include "cprobe/record/findings_codec.h"
#include "cprobe/record/store.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe::testing {

/// A finished cell of a model of `tiny_config`. Its circuit has 5 units of the component's first
/// matrix, or is empty.
struct MadeCell {
  std::string variable = "var_0";
  int64_t layer = 0;
  Block block = Block::kMlp;
  uint64_t seed = 0;
  double knn = 0.9;
  double majority = 0.1;
  double ablated = 0.2;
  std::optional<double> p = 0.01;  ///< None: the circuit is empty.
  int64_t n_epochs = 0;
  bool has_file = false;  ///< Whether to write the circuit's file.
  Fill fill = Fill::kZero;
};

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

inline Findings findings_of(const MadeCell& cell) {
  const Circuit circuit = circuit_of(cell);
  Findings f{.n_test = 1000, .n_weights = circuit.n_weights(), .max_weights = circuit.max_weights()};
  f.knn = {.test = {.mean = cell.knn, .sd = 0.01, .n = 20}, .test_majority = cell.majority, .n_test = 1000};
  f.full_knn = {.test = {.mean = 0.5, .sd = 0.02, .n = 20}, .test_majority = cell.majority, .n_test = 1000};
  f.evaluation_sets = {{.label = "Test", .untouched = 1, .n_rows = 500}};
  std::vector<AblationResult>& ablations = f.evaluation_sets[0].ablations;
  ablations.push_back(
      {.target = AblationTarget::kCircuit, .fill = cell.fill, .accuracy = {.mean = cell.ablated}, .p = cell.p});
  if (cell.p) {
    ablations.push_back({.target = AblationTarget::kRandom,
                         .fill = cell.fill,
                         .accuracy = {.mean = 0.7, .sd = 0.05, .n = 99},
                         .draws = {0.6, 0.8},
                         .drawn_from_all = {"c_fc"}});
  }
  ablations.push_back({.target = AblationTarget::kComplement, .fill = cell.fill, .accuracy = {.mean = 0.8}});
  return f;
}

/// Makes `folder` a run with these cells, all finished.
inline void make_run(const std::filesystem::path& folder, const std::vector<MadeCell>& cells,
                     const Invocation& call = {.command = "cprobe fit spec.yaml"}) {
  Store store = Store::open(folder);
  std::vector<PlannedCell> plan;
  for (size_t i = 0; i < cells.size(); ++i) {
    plan.push_back({fmt::format("{:016x}", i), "circuit probing", fmt::format("cell {}", i)});
  }
  store.plan(plan, "data");
  store.begin(call);
  for (size_t i = 0; i < cells.size(); ++i) {
    const MadeCell& made = cells[i];
    const Cell cell{.variable = made.variable, .component = {made.layer, made.block}, .seed = made.seed};
    ProbedCell probed;
    probed.id = plan[i].id;
    probed.settings.cell = cell;
    probed.findings = findings_of(made);
    EncodedFindings found = encode(probed, {.fills = {made.fill}});
    FinishedCell finished{.variable = made.variable,
                          .site = to_string(cell.component),
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
