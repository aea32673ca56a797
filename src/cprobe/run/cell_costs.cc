#include "cprobe/run/cell_costs.h"

#include <algorithm>
#include <chrono>

#include "cprobe/probe/draws.h"
#include "cprobe/probe/exchange.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/probe/probe_cell.h"

namespace cprobe {
namespace {

using std::chrono::steady_clock;

/// Multiplications that one measurement of exchanges takes at most, if those of some passes of the
/// model are fewer. About a third of a second on two cores.
constexpr double kMostProducts = 2e10;
/// Tokens of these passes: enough for the matrix products of each to come close to full speed.
constexpr int64_t kMostTokens = 6144;
/// Passes of all rows through the model in one measurement of exchanges.
constexpr int64_t kPasses = 27;

double elapsed(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

/// Every second unit of a component.
Circuit half_component(const Model& model, const ComponentRef& component, MaskUnit unit) {
  Circuit circuit{.unit = unit, .matrices = matrices_of(model.config, component)};
  for (const MatrixInfo& matrix : circuit.matrices) {
    const at::Tensor units = at::zeros(unit_shape(matrix, unit), at::kLong);
    circuit.members.push_back(at::arange(units.numel()).remainder(2).eq(0).view(units.sizes()));
  }
  return circuit;
}

NullHypothesis known_nulls(const Spec& spec, const RunData& data, const Cell& cell) {
  const auto known = data.nulls.find(cell.variable);
  if (known != data.nulls.end()) return known->second;
  return null_hypothesis(data, cell.variable, spec.data.types_of(cell.variable), spec.probe.null_variables,
                         spec.probe.held_out_types);
}

/// The first null variable alone, if there is any.
NullHypothesis with_one_null(NullHypothesis null) {
  if (null.variables.n() > 0) null.variables.values = null.variables.values.narrow(0, 0, 1);
  return null;
}

double n_products_of_a_node(const ModelConfig& config) {
  double sum = 0;
  for (Site site = Site::start(); site < Site::end(config); ++site.index) {
    for (const MatrixInfo& m : matrices_of(config, site.next())) sum += static_cast<double>(m.n_in * m.n_out);
  }
  return sum;
}

}  // namespace

int64_t n_null_variables(const Spec& spec, const RunData& data, const Cell& cell) {
  const auto known = data.nulls.find(cell.variable);
  return known == data.nulls.end() ? spec.probe.null_variables : known->second.variables.n();
}

std::vector<const Dataset*> exchanged_sets(const RunData& data, const std::string& variable) {
  std::vector<const Dataset*> sets;
  for (const auto& [label, set] : data.evaluation_sets) {
    if (set.variables.contains(variable)) sets.push_back(&set);
  }
  return sets;
}

DecodingCost measured_decoding(const Spec& spec, Cell cell, const RunData& data, const NewRows& new_rows) {
  cell.component.layer = 0;
  const at::NoGradGuard no_gradients;
  Streams streams(data.model, new_rows);
  for (const Dataset* set : data_sets(data)) streams.at(*set, Site::before(cell.component));
  FindOptions options = find_options(spec.probe, cell);
  options.fit.epochs = 0;
  std::optional<NullHypothesis> null;
  if (spec.probe.protocol != Protocol::kPaper) {
    null = known_nulls(spec, data, cell);
    options.train_rows = rows_to_train_on(data, *null);
    options.train_types = types_to_train_on(data, *null);
  }
  const std::unique_ptr<Draws> draws =
      make_draws(spec.probe, cell, options.n_train(data.train.trie.n_rows()), data.test.trie.n_rows());
  DecodingCost cost;
  auto start = steady_clock::now();
  const auto seconds_of_cell = [&](const FindOptions& with) {
    start = steady_clock::now();
    probe_component(data.model, data.train, data.test, cell.variable, cell.component, with, *draws, streams);
    return elapsed(start);
  };
  seconds_of_cell(options);  // Warms up.
  cost.own = seconds_of_cell(options);
  if (!null) return cost;
  // Each null variable, too, chooses among the circuits of its path.
  FindOptions without_path = options;
  without_path.fit.l0_weights = {0};
  if (options.fit.l0_weights.size() != 1) {
    cost.per_null = std::max(0.0, cost.own - seconds_of_cell(without_path));
  }
  const Circuit circuit = half_component(data.model, cell.component, options.unit);
  const auto seconds_of_presence = [&](const std::vector<Circuit>& nulls) {
    start = steady_clock::now();
    presence(data.model, data, cell.variable, circuit, nulls, *null, options, streams);
    return elapsed(start);
  };
  const double without = seconds_of_presence({});
  cost.own += without;
  if (null->variables.n() > 0) cost.per_null += std::max(0.0, seconds_of_presence({circuit}) - without);
  return cost;
}

std::optional<ExchangeCost> measured_exchange(const Spec& spec, Cell cell, const RunData& data) {
  cell.component.layer = 0;
  const std::vector<const Dataset*> sets = exchanged_sets(data, cell.variable);
  const bool is_asked = spec.probe.protocol != Protocol::kPaper && spec.probe.exchange.n_rows > 0;
  if (!is_asked || sets.empty()) return std::nullopt;
  const Dataset& set = *sets.front();
  const NullHypothesis null = with_one_null(known_nulls(spec, data, cell));
  if (null.variables.n() == 0) return std::nullopt;
  const double of_node = n_products_of_a_node(data.model.config);
  const double most_products = std::max(kMostProducts, of_node * static_cast<double>(kMostTokens));
  const double of_row = static_cast<double>(kPasses * set.trie.max_length()) * of_node;
  ExchangeOptions options = spec.probe.exchange;
  options.n_rows = std::clamp<int64_t>(static_cast<int64_t>(most_products / of_row), 1, options.n_rows);
  options.n_controls = 1;
  const Circuit circuit = half_component(data.model, cell.component, spec.probe.unit);
  std::vector<double> times;  // When each exchange was over.
  const auto start = steady_clock::now();
  const auto found = exchange_on(data.model, data, "", set, circuit, std::span(&circuit, 1), null, options,
                                 Seed(cell.seed), [&](const Progress&) { times.push_back(elapsed(start)); });
  if (!found || times.size() < 2) return std::nullopt;
  ExchangeCost cost{.n_nodes = nodes_exchanged(data, "", set, null, options, Seed(cell.seed)),
                    .own = times[0],
                    .per_null = times[1] - times[0]};
  // Where the whole component moves too few rows, nothing is exchanged along paths here. Paths take
  // two passes behind the component; a null variable takes as many, and four through the model.
  cost.per_units =
      times.size() > 2 ? (times.back() - times[1]) / static_cast<double>(times.size() - 2) : cost.per_null / 3;
  return cost;
}

int64_t nodes_exchanged_by(const Spec& spec, const Cell& cell, const RunData& data) {
  const NullHypothesis null = with_one_null(known_nulls(spec, data, cell));
  int64_t n_nodes = 0;
  for (const Dataset* set : exchanged_sets(data, cell.variable)) {
    n_nodes += nodes_exchanged(data, "", *set, null, spec.probe.exchange, Seed(cell.seed));
  }
  return n_nodes;
}

}  // namespace cprobe
