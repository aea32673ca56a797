/// Cells of runs whose right answer is known: what `cprobe fit` would record of random circuits,
/// and of variables that mean nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/calibration_counts.h"
#include "bench/calibration_toy.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/probe/ablate_everywhere.h"
#include "cprobe/probe/draws.h"
#include "cprobe/probe/exchange.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/record/judged.h"

namespace cprobe::bench {

inline constexpr int64_t kNulls = kLeastNulls;  ///< Null variables, and random sets: 19.
inline constexpr std::array kBlocks = {Block::kAttention, Block::kMlp};

/// A model with its streams on the toy's rows.
class Toy {
 public:
  Toy(const ToyRows& rows, Model model) : rows_(rows), data_{.model = std::move(model)}, streams_(data_.model) {
    data_.train = rows.train;
    data_.test = rows.test;
    data_.evaluation_sets = {{"Test", data_.test}};
  }
  Toy(const Toy&) = delete;
  Toy& operator=(const Toy&) = delete;

  const ToyRows& rows() const { return rows_; }
  RunData& data() { return data_; }
  Streams& streams() { return streams_; }

 private:
  const ToyRows& rows_;
  RunData data_;
  Streams streams_;
};

/// Models by kind. Trained models are kept; others are drawn anew for each run.
class Models {
 public:
  /// @param n_trained, steps  trained models, and the steps of training each.
  Models(const ToyRows& rows, int64_t n_trained, int64_t steps, Seed seed) : rows_(rows) {
    trained_ = in_parallel("training", n_trained, [&](int64_t i) {
      return trained_model(rows, steps, seed.derive("model").derive(std::to_string(i)));
    });
  }

  static std::vector<std::string> kinds() { return {"trained", "trained embeddings", "untrained"}; }

  /// The model of a run. Run i has trained model i modulo their number.
  std::unique_ptr<Toy> of_run(const std::string& kind, int64_t run, Seed seed) const {
    const Model& trained = trained_[static_cast<size_t>(run) % trained_.size()];
    if (kind == "trained") return std::make_unique<Toy>(rows_, trained);
    if (kind == "trained embeddings") return std::make_unique<Toy>(rows_, reinitialised(trained, true, seed));
    return std::make_unique<Toy>(rows_, random_model(small_config(.3), seed));
  }

 private:
  const ToyRows& rows_;
  std::vector<Model> trained_;
};

/// How masks are trained here: as the program does, or nearly as the paper does.
enum class Search { kDefault, kPapers };

/// @param papers_epochs  of the paper's search, at a higher learning rate than its own.
inline FindOptions calibration_options(uint64_t seed, Search search, int64_t papers_epochs = 30) {
  FindOptions options{.exemplar_draws = 5, .seed = seed};
  if (search == Search::kPapers) {
    options.mask_method = MaskKind::kContinuousSparsification;
    options.fit = {.epochs = papers_epochs, .learning_rate = .02};
  }
  options.fit.batch_size = 100;
  return options;
}

/// A set of units drawn at random, a share of each matrix, as if found for a variable.
inline Circuit random_circuit(const ModelConfig& config, const ComponentRef& component, double share,
                              const std::string& variable, Seed seed) {
  Circuit circuit{.matrices = matrices_of(config, component)};
  for (const MatrixInfo& matrix : circuit.matrices) {
    const auto n = static_cast<int64_t>(std::llround(share * static_cast<double>(matrix.n_out)));
    circuit.members.push_back(at::arange(matrix.n_out) < std::clamp<int64_t>(n, 1, matrix.n_out - 1));
  }
  at::Generator generator = seed.generator();
  circuit.members = draw_random_units(circuit.members, RandomSets::kUniform, generator);
  circuit.provenance["variable"] = variable;
  return circuit;
}

/// A cell without figures. @param variable  names the finding.
inline ProbedCell cell_of(const Circuit& circuit, const std::string& variable, uint64_t seed) {
  ProbedCell cell{.settings = {.cell = {.variable = variable, .component = circuit.component(), .seed = seed}}};
  cell.findings.n_weights = circuit.n_weights();
  cell.findings.max_weights = circuit.max_weights();
  return cell;
}

/// Deletion of a circuit, and with `with_exchange` its exchange along paths, beside random sets.
inline ProbedCell random_cell(Toy& toy, const Circuit& circuit, const std::string& variable, uint64_t seed,
                              RandomSets sets, bool with_exchange) {
  ProbedCell cell = cell_of(circuit, variable, seed);
  RunData& data = toy.data();
  TypeOptions types;
  types.parts = {int64_t{0}, int64_t{1}};
  const NullHypothesis no_nulls = null_hypothesis(data, "answer", types, 0);
  cell.findings.evaluation_sets = ablate_everywhere(
      data.model, circuit, data, {.n_random = kNulls, .random_sets = sets, .complement = false, .component = true},
      Seed(seed), toy.streams(), {}, &no_nulls);
  if (!with_exchange) return cell;
  if (auto exchange = exchange_on(data.model, data, "Test", data.test, circuit, {}, no_nulls,
                                  {.n_rows = 100, .n_controls = kNulls}, Seed(seed))) {
    cell.findings.exchanges = {*std::move(exchange)};
  }
  return cell;
}

/// A variable as `cprobe fit` probes it, with exchanges whether or not it is present.
struct NullCell {
  ProbedCell cell;
  /// carried - left of each null circuit with donors of its own null variable, where asked for. The
  /// program gives all null circuits the donors of the variable.
  std::vector<double> units_of_own_donors;
};

inline NullCell probed_cell(const RunData& data, Streams& streams, const std::string& variable,
                            const TypeOptions& types, const ComponentRef& component, FindOptions options,
                            bool with_own_donors = false) {
  const NullHypothesis null = null_hypothesis(data, variable, types, kNulls);
  options.train_types = types_to_train_on(data, null);
  const std::unique_ptr<Draws> draws =
      named_draws(Seed(options.seed), data.train.trie.n_rows(), data.test.trie.n_rows(), options.exemplar_draws);
  const FoundCircuit found =
      probe_component(data.model, data.train, data.test, variable, component, options, *draws, streams);
  const std::vector<Circuit> nulls = find_null_circuits(data.model, data, null, component, options, streams);
  NullCell result{cell_of(found.circuit, variable, options.seed), {}};
  Findings& findings = result.cell.findings;
  findings.types = null.types.text();
  findings.null_kind = to_string(null.variables.kind);
  findings.presence = presence(data.model, data, variable, found.circuit, nulls, null, options, streams);
  if (found.circuit.extent() != Extent::kPart) return result;
  const auto exchanged = [&](const Circuit& circuit, std::span<const Circuit> others, const NullHypothesis& of,
                             int64_t n_controls) {
    return exchange_on(data.model, data, "Test", data.test, circuit, others, of,
                       {.n_rows = 100, .n_controls = n_controls}, Seed(options.seed));
  };
  if (auto exchange = exchanged(found.circuit, nulls, null, kNulls)) findings.exchanges = {*std::move(exchange)};
  for (size_t b = 0; with_own_donors && b < nulls.size(); ++b) {
    NullHypothesis of_null{null.types, {.values = at::empty({0, null.types.n_types()}, at::kLong)}};
    of_null.types.value = null.variables.values[static_cast<int64_t>(b)];
    const auto exchange = exchanged(nulls[b], {}, of_null, 0);
    result.units_of_own_donors.push_back(exchange && exchange->carried ? exchange->units.value : 0);
  }
  return result;
}

}  // namespace cprobe::bench
