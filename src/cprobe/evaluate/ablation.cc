#include "cprobe/evaluate/ablation.h"

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"

namespace cprobe {
namespace {

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
                                   Seed seed, const std::function<void()>& on_ablation) {
  std::vector<Part> parts = {Part(circuit, std::nullopt)};
  if (options.per_matrix) {
    for (size_t i = 0; i < circuit.matrices.size(); ++i) parts.emplace_back(circuit, i);
  }
  std::vector<AblationResult> results;
  for (const Fill fill : options.fills) {
    const auto run = [&](const std::vector<at::Tensor>& multipliers, Seed donors) {
      stop_if_interrupted();
      const AblationBench::Measured measured = bench.measure(multipliers, fill, donors, options.effect);
      if (on_ablation) on_ablation();
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
