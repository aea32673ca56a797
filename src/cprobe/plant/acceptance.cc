#include "cprobe/plant/acceptance.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/exchanged_component.h"
#include "cprobe/evaluate/paired_tries.h"
#include "cprobe/model/architecture.h"
#include "cprobe/model/component.h"
#include "cprobe/model/forward.h"
#include "cprobe/model/hidden_layer.h"
#include "cprobe/plant/exchanged_answers.h"
#include "cprobe/plant/exchanged_rows.h"

namespace cprobe {
namespace {

constexpr int64_t kPairs = 500;
constexpr int64_t kPairsOneByOne = 30;  // Where every unit takes an exchange of its own.

/// Pairs of rows with different values of a variable, and the component's exchange between them.
struct Pairs {
  at::Tensor values;        ///< [n] int64: the variable in the rows.
  at::Tensor donor_values;  ///< [n] int64.
  ComponentRef ref;
  at::Tensor base_rows, donor_rows;  ///< [n, d_model]: the stream before the component, last tokens.
  ExchangedComponent component;
};

std::vector<std::vector<int64_t>> rows_of(const TokenTrie& trie, const at::Tensor& rows) {
  std::vector<std::vector<int64_t>> tokens;
  const int64_t* token = trie.token.data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    std::vector<int64_t>& row = tokens.emplace_back();
    for (const int64_t node : trie.row(rows[i].item<int64_t>())) row.push_back(token[node]);
  }
  return tokens;
}

/// Draws pairs of rows of equal length with different values of the variable. Where there are any,
/// pairs agree in all other variables that the component computes.
std::pair<at::Tensor, at::Tensor> draw_pairs(const PlantedVariable& variable, const Truth& truth, const Dataset& data,
                                             int64_t n_pairs, Seed seed) {
  const at::Tensor& values = data.variables.at(variable.name);
  std::vector<at::Tensor> others;
  for (const PlantedVariable& other : truth.variables) {
    if (other.is_computed() && other.name != variable.name && other.component == variable.component) {
      others.push_back(data.variables.at(other.name));
    }
  }
  at::Generator draws = seed.derive("pairs/" + variable.name).generator();
  const int64_t n_rows = data.trie.n_rows();
  std::vector<int64_t> lengths;
  for (int64_t r = 0; r < n_rows; ++r) lengths.push_back(static_cast<int64_t>(data.trie.row(r).size()));
  const at::Tensor length = at::tensor(lengths, at::kLong);
  std::vector<int64_t> rows, donors;
  for (int64_t attempt = 0; attempt < 20 * n_pairs && static_cast<int64_t>(rows.size()) < n_pairs; ++attempt) {
    const int64_t row = at::randint(n_rows, {1}, draws, at::kLong).item<int64_t>();
    at::Tensor fits = values.ne(values[row]).logical_and(length.eq(length[row]));
    at::Tensor agrees = fits;
    for (const at::Tensor& other : others) agrees = agrees.logical_and(other.eq(other[row]));
    if (agrees.any().item<bool>()) fits = agrees;
    const at::Tensor candidates = fits.nonzero().flatten();
    if (candidates.size(0) == 0) continue;
    rows.push_back(row);
    donors.push_back(
        candidates[at::randint(candidates.size(0), {1}, draws, at::kLong).item<int64_t>()].item<int64_t>());
  }
  if (rows.empty())
    throw input_error("{}: no two rows of one length differ in the variable '{}'", data.source, variable.name);
  return {at::tensor(rows, at::kLong), at::tensor(donors, at::kLong)};
}

/// The model whose component a variable is read in: of an implant, with the implanted units alone.
Model model_to_read(const Model& model, const Truth& truth, const ComponentRef& component) {
  if (truth.tier != kImplantTier) return model;
  const auto n_units = static_cast<int64_t>(knob_number(truth, "units"));
  const MatrixInfo last = matrices_of(model.config, component).back();
  if (n_units < 1 || n_units > last.n_in) {
    throw input_error("a truth of tier '{}': the knob 'units' is {}, but {} has {} hidden units", truth.tier, n_units,
                      to_string(component), last.n_in);
  }
  Model reduced = model;
  at::Tensor& weight = reduced.weights.at(last.name + ".weight");
  weight = weight.clone();
  weight.narrow(0, 0, last.n_in - n_units).zero_();
  if (const auto bias = reduced.weights.find(last.name + ".bias"); bias != reduced.weights.end()) {
    bias->second = at::zeros_like(bias->second);
  }
  return reduced;
}

Position probed_position(const Truth& truth) {
  const auto knob = truth.knobs.find("position");
  return knob == truth.knobs.end() ? Position() : position_of(knob->second);
}

/// @param read  the model whose component the variable is read in.
Pairs make_pairs(const PlantedVariable& variable, const Truth& truth, const Model& model, const Model& read,
                 const Dataset& data, int64_t n_pairs, Seed seed) {
  const at::NoGradGuard no_gradients;
  const auto [rows, donors] = draw_pairs(variable, truth, data, n_pairs, seed);
  const auto [base, donor] = paired_tries(rows_of(data.trie, rows), rows_of(data.trie, donors), model.config.vocab);
  const Site site = Site::before(variable.component.value());
  const at::Tensor& values = data.variables.at(variable.name);
  const at::Tensor last = base.nodes_at(probed_position(truth), data.source);
  const Stream base_stream = stream_at(model, base, site).expanded();
  const Stream donor_stream = stream_at(model, donor, site).expanded();
  return {.values = values.index_select(0, rows),
          .donor_values = values.index_select(0, donors),
          .ref = *variable.component,
          .base_rows = rows_at(base_stream.read(), last),
          .donor_rows = rows_at(donor_stream.read(), last),
          .component =
              ExchangedComponent(read, *variable.component, MaskUnit::kNeuron, base, base_stream, donor_stream, last)};
}

/// The value whose code lies nearest to each update's direction: [n] int64.
at::Tensor decoded(const at::Tensor& updates, const at::Tensor& code) {
  return at::matmul(updates, code.t()).argmax(1);
}

double share_moved(const Pairs& pairs, const at::Tensor& updates, const at::Tensor& code) {
  return decoded(updates, code).eq(pairs.donor_values).to(at::kDouble).mean().item<double>();
}

/// What a component writes, as the code says, if the variable's units see the donor.
PlantedExchange exchange_of_code(const Model& model, const Truth& truth, const PlantedVariable& variable,
                                 const Dataset& data, Seed seed) {
  const Model read = model_to_read(model, truth, *variable.component);
  const Pairs pairs = make_pairs(variable, truth, model, read, data, kPairs, seed);
  const std::vector<at::Tensor> needed = needed_units(variable, model.config);
  return {.variable = variable.name,
          .by_units = share_moved(pairs, pairs.component.along_paths(needed, ExchangeSide::kBase), variable.code),
          .by_others = share_moved(pairs, pairs.component.along_paths(needed, ExchangeSide::kDonor), variable.code)};
}

int64_t n_units(const PlantedUnits& planted) {
  return static_cast<int64_t>(planted.units.size() + planted.shared.size() + planted.route.size() +
                              planted.other.size() + planted.dead.size());
}

/// An orthonormal basis of the span of the codes, [d_model, rank].
at::Tensor basis_of(const at::Tensor& code) {
  const auto [u, s, v] = at::linalg_svd(code.to(at::kDouble), false);
  const int64_t rank = s.gt(1e-6 * s[0].item<double>()).sum().item<int64_t>();
  return v.narrow(0, 0, rank).t().to(at::kFloat);
}

/// How far each unit of an input matrix of an MLP moves the update in the span of the codes,
/// [n_pairs, n_out]. A unit reaches the update through one hidden unit, so that one exchange of the
/// whole matrix tells of all.
at::Tensor through_hidden_units(const Model& model, const Pairs& pairs, size_t matrix, const at::Tensor& basis) {
  const Component mlp = component_of(model, pairs.ref);
  const at::Tensor own = project_in(mlp, normed_input(mlp, pairs.base_rows));
  at::Tensor mixed = own.clone();
  const std::vector<MatrixInfo> matrices = matrices_of(model.config, pairs.ref);
  int64_t begin = 0;
  for (size_t m = 0; m < matrix; ++m) begin += matrices[m].n_out;
  mixed.narrow(1, begin, matrices[matrix].n_out)
      .copy_(project_in(mlp, normed_input(mlp, pairs.donor_rows)).narrow(1, begin, matrices[matrix].n_out));
  const HiddenLayer layer = hidden_layer_of(model.config);
  const at::Tensor change = hidden_layer(layer, mixed) - hidden_layer(layer, own);
  return change.abs() * at::matmul(mlp.maps.back().weight.to(at::kFloat), basis).norm(2, {1});
}

/// The same for an input matrix of an attention block, whose units are exchanged one by one.
at::Tensor through_attention(const Pairs& pairs, const PlantedVariable& variable, size_t matrix,
                             const at::Tensor& basis) {
  std::vector<at::Tensor> units;
  for (const PlantedUnits& planted : variable.matrices) {
    const bool is_last = &planted == &variable.matrices.back();
    units.push_back(at::full({n_units(planted)}, is_last, at::kBool));
  }
  const at::Tensor own = pairs.component.update(ExchangeSide::kBase);
  std::vector<at::Tensor> lengths;
  for (int64_t unit = 0; unit < units[matrix].size(0); ++unit) {
    units[matrix][unit] = true;
    const at::Tensor change = pairs.component.along_paths(units, ExchangeSide::kBase) - own;
    lengths.push_back(at::matmul(change, basis).norm(2, {1}));
    units[matrix][unit] = false;
  }
  return at::stack(lengths, 1);
}

}  // namespace

double task_accuracy(const Model& model, const Dataset& data) {
  require_single_tokens(data, "a planted model");
  const at::Tensor states = stream_at(model, data.trie, Site::end(model.config)).at_nodes(data.trie.nodes_at(-1));
  const at::Tensor place = at::arange(data.trie.n_rows(), at::kLong);
  return share_of_rows(answered_right(model, states, place, data.answers, data.contrast));
}

double check_behaviour(const Model& model, const Truth& truth, const Dataset& data) {
  const double accuracy = task_accuracy(model, data);
  if (truth.tier == kImplantTier) {
    const double before = knob_number(truth, "accuracy_before");
    if (std::abs(accuracy - before) > kMostChangedAccuracy) {
      throw input_error(
          "{}: the implant changes what the model answers: {:.3f} of the rows are right, and {:.3f} were without it "
          "(at most {} may change); choose a lower strength, fewer units or another component",
          data.source, accuracy, before, kMostChangedAccuracy);
    }
  } else if (accuracy < kLeastPlantedAccuracy) {
    throw input_error("{}: the model answers {:.3f} of the rows right, and a planted model must answer {}", data.source,
                      accuracy, kLeastPlantedAccuracy);
  }
  return accuracy;
}

std::vector<PlantedExchange> check_truth(const Model& model, const Truth& truth, const Dataset& data, Seed seed) {
  check_behaviour(model, truth, data);
  return check_units(model, truth, data, seed);
}

std::vector<PlantedExchange> check_units(const Model& model, const Truth& truth, const Dataset& data, Seed seed) {
  std::vector<PlantedExchange> found;
  for (const PlantedVariable& variable : truth.variables) {
    if (!variable.is_computed()) continue;
    if (variable.code.defined()) {
      found.push_back(exchange_of_code(model, truth, variable, data, seed));
    } else {
      const ExchangedAnswers answers = exchanged_answers(variable, model, data);
      found.push_back({.variable = variable.name,
                       .is_by_answers = true,
                       .by_units = answers.by_units,
                       .by_others = answers.by_others});
    }
    const PlantedExchange& exchange = found.back();
    const double least = exchange.is_by_answers ? kLeastAnswersByUnits : kLeastMovedByUnits;
    const double most = exchange.is_by_answers ? kMostAnswersByOthers : kMostMovedByOthers;
    if (exchange.by_units < least || exchange.by_others > most) {
      throw input_error(
          "the truth about '{}' in {} does not hold: exchanging its units moves {} in {:.3f} of the pairs (at least "
          "{}), exchanging all others in {:.3f} (at most {})",
          variable.name, to_string(*variable.component), exchange.is_by_answers ? "the answer" : "it",
          exchange.by_units, least, exchange.by_others, most);
    }
  }
  return found;
}

void measure_importance(Truth& truth, const Model& model, const Dataset& data, Seed seed) {
  for (PlantedVariable& variable : truth.variables) {
    if (!variable.is_computed()) continue;
    if (!variable.code.defined()) {
      measure_importance_by_answers(variable, model, data);
      continue;
    }
    const bool is_mlp = variable.component->block == Block::kMlp;
    const Pairs pairs = make_pairs(variable, truth, model, model, data, is_mlp ? kPairs : kPairsOneByOne, seed);
    const size_t n_matrices = variable.matrices.size();
    const at::Tensor basis = basis_of(variable.code);
    const at::Tensor change =
        pairs.component.update(ExchangeSide::kDonor) - pairs.component.update(ExchangeSide::kBase);
    const at::Tensor whole = at::matmul(change, basis).norm(2, {1}, true).clamp_min(1e-12);
    for (size_t m = 0; m < n_matrices; ++m) {
      at::Tensor lengths;  // [n_pairs, n_out]
      if (m + 1 == n_matrices) {
        lengths = change.abs() * basis.norm(2, {1});
      } else if (is_mlp) {
        lengths = through_hidden_units(model, pairs, m, basis);
      } else {
        lengths = through_attention(pairs, variable, m, basis);
      }
      const at::Tensor mean = (lengths / whole).mean(0).to(at::kDouble).contiguous();
      variable.matrices[m].importance.assign(mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel());
    }
  }
}

}  // namespace cprobe
