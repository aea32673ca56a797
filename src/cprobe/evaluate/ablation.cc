#include "cprobe/evaluate/ablation.h"

#include <algorithm>
#include <array>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

/// Rows of the data that run through each node, [n_nodes] float64.
at::Tensor rows_through_nodes(const TokenTrie& trie) {
  const at::Tensor nodes = at::tensor(trie.row_nodes, at::kLong);
  return at::zeros({trie.n_nodes()}, at::kDouble).index_add_(0, nodes, at::ones({nodes.size(0)}, at::kDouble));
}

std::vector<at::Tensor> complement_of(const std::vector<at::Tensor>& members) {
  std::vector<at::Tensor> others;
  others.reserve(members.size());
  for (const at::Tensor& member : members) others.push_back(member.logical_not());
  return others;
}

/// A circuit, or the part of it in one matrix, as a thing to remove.
struct Part {
  std::string matrix;          ///< "all", or the short name of the one matrix.
  std::optional<size_t> only;  ///< The one matrix.
  int64_t n_units = 0;
  int64_t max_units = 0;

  Part(const Circuit& circuit, std::optional<size_t> only_matrix)
      : matrix(only_matrix ? circuit.matrices[*only_matrix].short_name : "all"), only(only_matrix) {
    for (size_t i = 0; i < circuit.members.size(); ++i) {
      if (only && *only != i) continue;
      n_units += circuit.members[i].sum().item<int64_t>();
      max_units += circuit.members[i].numel();
    }
  }

  bool is_proper() const { return n_units > 0 && n_units < max_units; }

  /// What to say about removing it or its complement, where one of them is empty.
  std::string note(AblationTarget target) const {
    if (is_proper()) return {};
    const std::string of = only ? " in " + matrix : "";
    const bool removes_nothing = (n_units == 0) == (target == AblationTarget::kCircuit);
    return fmt::format("{} circuit{}: {}", n_units == 0 ? "empty" : "full", of,
                       removes_nothing ? "nothing to remove"
                       : only          ? "all of it is removed"
                                       : "the whole component is removed");
  }
};

/// Where the units of random controls came from.
std::string origin_note(const RandomUnits& random, const Circuit& circuit, std::optional<size_t> only) {
  std::vector<std::string> beyond;
  for (size_t i = 0; i < random.beyond_complement.size(); ++i) {
    if (random.beyond_complement[i] && (!only || *only == i)) beyond.push_back(circuit.matrices[i].short_name);
  }
  if (beyond.empty()) return "drawn from the complement";
  return fmt::format("drawn from all units in {}", fmt::join(beyond, ", "));
}

/// Writes down what ablations of one kind measured, one for each draw.
void set_figures(AblationResult& result, const std::vector<AblationBench::Measured>& draws) {
  std::vector<double> accuracies, log_probabilities, divergences;
  for (const AblationBench::Measured& draw : draws) {
    accuracies.push_back(draw.accuracy);
    if (!draw.effect) continue;
    log_probabilities.push_back(draw.effect->log_probability);
    divergences.push_back(draw.effect->divergence);
  }
  result.accuracy = spread(accuracies);
  if (!divergences.empty()) result.effect = EffectSpread{spread(log_probabilities), spread(divergences)};
}

}  // namespace

std::vector<at::Tensor> removing(const std::vector<at::Tensor>& units, std::optional<size_t> only) {
  std::vector<at::Tensor> multipliers(units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    if (!only || *only == i) multipliers[i] = units[i].logical_not().to(at::kFloat);
  }
  return multipliers;
}

std::string_view to_string(AblationTarget target) {
  switch (target) {
    case AblationTarget::kCircuit:
      return "circuit";
    case AblationTarget::kComplement:
      return "complement";
    case AblationTarget::kRandom:
      return "random";
  }
  throw failure("unknown ablation target");
}

std::string_view to_string(Fill fill) {
  switch (fill) {
    case Fill::kZero:
      return "zero";
    case Fill::kMean:
      return "mean";
    case Fill::kResample:
      return "resample";
  }
  throw failure("unknown fill");
}

Fill parse_fill(std::string_view text) {
  for (const Fill fill : kFills) {
    if (to_string(fill) == text) return fill;
  }
  throw input_error("unknown fill '{}': expected {}", text, fill_names());
}

bool take_donors(const std::vector<Fill>& fills) {
  return std::ranges::any_of(fills, [](Fill fill) { return fill != Fill::kZero; });
}

std::string fill_names() {
  std::array<std::string_view, kFills.size()> names;
  std::ranges::transform(kFills, names.begin(), [](Fill fill) { return to_string(fill); });
  return fmt::format("{}", fmt::join(names, ", "));
}

AblationBench::AblationBench(const Model& model, const ComponentRef& component, const Dataset& evaluation,
                             Stream before, Untouched untouched, const Dataset* training, const Stream* training_before)
    : model_(model),
      component_(component),
      trie_(evaluation.trie),
      before_(std::move(before)),
      behaviour_(evaluation),
      untouched_(std::move(untouched)) {
  at::NoGradGuard no_gradients;
  if (training != nullptr) {
    Donors donors{.inputs = std::vector<at::Tensor>(matrices_of(model.config, component).size()),
                  .position = training->trie.position,
                  .count = rows_through_nodes(training->trie)};
    const auto record = [&](ComponentRef, size_t matrix, const at::Tensor& x) { donors.inputs[matrix] = x; };
    run_span(model, training->trie, training_before->expanded(), Site::before(component), Site::after(component),
             {.on_input = record});
    // All matrices but the last read the same input.
    for (size_t i = 1; i + 1 < donors.inputs.size(); ++i) donors.inputs[i] = donors.inputs[0];
    donors_ = std::move(donors);
  }
  const ComponentRef mlp{component.layer, Block::kMlp};
  if (component.block == Block::kAttention && reads_before_layer(model.config, mlp)) {
    Stream mid = before_.expanded();
    mid.begin_layer(model.config, component.layer);
    const at::Tensor after = run_in_slabs(model, trie_, mid, Site::before(mlp), Site::after(mlp));
    known_updates_[mlp] = after - mid.rows;
  }
}

std::vector<at::Tensor> AblationBench::fill_inputs(Fill fill, Seed seed) const {
  if (!donors_) throw failure("ablation fill '{}' needs training data to draw from", to_string(fill));
  const Donors& donors = *donors_;
  at::Generator generator = seed.derive("ablation/donors").generator();
  const at::Tensor position = trie_.position;
  std::vector<at::Tensor> filled;
  for (const at::Tensor& inputs : donors.inputs)
    filled.push_back(at::empty({trie_.n_nodes(), inputs.size(1)}, inputs.options()));
  for (int64_t p = 0; p < trie_.max_length(); ++p) {
    const at::Tensor targets = (position == p).nonzero().squeeze(1);
    at::Tensor sources = (donors.position == p).nonzero().squeeze(1);
    if (sources.size(0) == 0) sources = at::arange(donors.position.size(0));  // longer than every training row
    const at::Tensor count = donors.count.index_select(0, sources);
    const at::Tensor weight = count.to(model_.device(), at::kFloat);
    const at::Tensor total = count.sum().to(model_.device(), at::kFloat);
    at::Tensor pick;
    if (fill == Fill::kResample)
      pick = sources.index_select(0, at::multinomial(count, targets.size(0), true, generator));
    const auto rows_from = [&](const at::Tensor& inputs) {
      switch (fill) {
        case Fill::kMean:
          return (rows_at(inputs, sources) * weight.unsqueeze(1)).sum(0, true).div(total).expand({targets.size(0), -1});
        case Fill::kResample:
          return rows_at(inputs, pick);
        case Fill::kZero:
          break;
      }
      throw failure("this fill takes no inputs");
    };
    for (size_t i = 0; i < filled.size(); ++i) {
      const at::Tensor rows = rows_from(donors.inputs[i]);
      filled[i].index_copy_(0, targets.to(rows.device()), rows);
    }
  }
  return filled;
}

AblationBench::Measured AblationBench::measure(const std::vector<at::Tensor>& multipliers, Fill fill, Seed donors,
                                               bool with_effect) const {
  at::NoGradGuard no_gradients;
  std::vector<at::Tensor> fills(multipliers.size());
  if (fill != Fill::kZero) fills = fill_inputs(fill, donors);
  SpanOptions options{.read_nodes = behaviour_.read_nodes(), .updates = known_updates_};
  ComponentMask& mask = options.masks[component_];
  for (size_t i = 0; i < multipliers.size(); ++i) {
    if (multipliers[i].defined()) {
      mask.push_back({multipliers[i].to(model_.device()), fills[i]});
    } else {
      mask.emplace_back();
    }
  }
  const at::Tensor states = run_in_slabs(model_, trie_, fill == Fill::kZero ? before_ : before_.expanded(),
                                         Site::before(component_), Site::end(model_.config), options);
  Measured measured{.accuracy = behaviour_.accuracy(model_, states)};
  if (with_effect) measured.effect = behaviour_.effect(model_, states, untouched_.states);
  return measured;
}

double AblationBench::vanilla_log_probability() const {
  return behaviour_.effect(model_, untouched_.states, untouched_.states).log_probability;
}

RandomUnits draw_random_units(const Circuit& circuit, at::Generator& generator) {
  RandomUnits random;
  for (const at::Tensor& members : circuit.members) {
    const at::Tensor member = members.reshape(-1);
    const int64_t size = member.sum().item<int64_t>();
    at::Tensor pool = member.logical_not().nonzero().squeeze(1);
    random.beyond_complement.push_back(pool.size(0) < size);
    if (random.beyond_complement.back()) pool = at::arange(member.size(0));
    const at::Tensor pick = pool.index_select(0, at::randperm(pool.size(0), generator, at::kLong).narrow(0, 0, size));
    random.members.push_back(at::zeros_like(member).index_fill_(0, pick, true).view(members.sizes()));
  }
  return random;
}

std::vector<AblationResult> ablate(const AblationBench& bench, const Circuit& circuit, const AblationOptions& options,
                                   Seed seed, const OnProgress& on_progress) {
  Progress progress{.what = "ablations", .total = most_ablations(options, circuit.matrices.size())};
  std::vector<Part> parts = {Part(circuit, std::nullopt)};
  if (options.per_matrix) {
    for (size_t i = 0; i < circuit.matrices.size(); ++i) parts.emplace_back(circuit, i);
  }
  std::vector<AblationResult> results;
  for (const Fill fill : options.fills) {
    const auto run = [&](const std::vector<at::Tensor>& multipliers, Seed donors) {
      stop_if_interrupted();
      const AblationBench::Measured measured = bench.measure(multipliers, fill, donors, options.effect);
      ++progress.done;
      tell(on_progress, progress);
      return measured;
    };
    for (const Part& part : parts) {
      AblationResult removed{.target = AblationTarget::kCircuit, .fill = fill, .matrix = part.matrix};
      set_figures(removed, {run(removing(circuit.members, part.only), seed)});
      removed.note = part.note(AblationTarget::kCircuit);
      if (options.n_random == 0 || !part.is_proper()) {
        results.push_back(removed);
        continue;
      }
      at::Generator generator = seed.derive("ablation/random").generator();
      AblationResult control{.target = AblationTarget::kRandom, .fill = fill, .matrix = part.matrix};
      std::vector<AblationBench::Measured> draws;
      std::vector<double> accuracies;
      for (int64_t draw = 0; draw < options.n_random; ++draw) {
        const RandomUnits random = draw_random_units(circuit, generator);
        draws.push_back(run(removing(random.members, part.only), seed.derive(std::to_string(draw))));
        accuracies.push_back(draws.back().accuracy);
        control.note = origin_note(random, circuit, part.only);
      }
      set_figures(control, draws);
      removed.p = p_value(removed.accuracy.mean, accuracies);
      control.draws = std::move(accuracies);
      results.push_back(removed);
      results.push_back(control);
    }
    if (options.complement) {
      AblationResult kept{.target = AblationTarget::kComplement, .fill = fill};
      set_figures(kept, {run(removing(complement_of(circuit.members)), seed)});
      kept.note = parts.front().note(AblationTarget::kComplement);
      results.push_back(kept);
    }
  }
  return results;
}

int64_t most_ablations(const AblationOptions& options, size_t n_matrices) {
  const int64_t n_parts = 1 + (options.per_matrix ? static_cast<int64_t>(n_matrices) : 0);
  return static_cast<int64_t>(options.fills.size()) * (n_parts * (1 + options.n_random) + (options.complement ? 1 : 0));
}

}  // namespace cprobe
