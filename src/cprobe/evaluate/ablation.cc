#include "cprobe/evaluate/ablation.h"

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/controls.h"

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
  Extent extent = Extent::kEmpty;

  Part(const Circuit& circuit, std::optional<size_t> only_matrix)
      : matrix(only_matrix ? circuit.matrices[*only_matrix].short_name : "all"), only(only_matrix) {
    int64_t n_units = 0, max_units = 0;
    for (size_t i = 0; i < circuit.members.size(); ++i) {
      if (only && *only != i) continue;
      n_units += circuit.members[i].sum().item<int64_t>();
      max_units += circuit.members[i].numel();
    }
    extent = extent_of(n_units, max_units);
  }

  /// What to say about removing it or its complement, where one of them is empty.
  std::string note(AblationTarget target) const {
    if (extent == Extent::kPart) return {};
    const std::string of = only ? " in " + matrix : "";
    const bool removes_nothing = (extent == Extent::kEmpty) == (target == AblationTarget::kCircuit);
    return fmt::format("{} circuit{}: {}", to_string(extent), of,
                       removes_nothing ? "nothing to remove"
                       : only          ? "all of it is removed"
                                       : "the whole component is removed");
  }
};

/// Where the units of random controls came from.
std::string origin_note(const Circuit& circuit, std::optional<size_t> only) {
  const std::vector<bool> from_all = drawn_from_all(circuit.members);
  std::vector<std::string> names;
  for (size_t i = 0; i < from_all.size(); ++i) {
    if (from_all[i] && (!only || *only == i)) names.push_back(circuit.matrices[i].short_name);
  }
  if (names.empty()) return "drawn from the complement";
  return fmt::format("drawn from all units in {}", fmt::join(names, ", "));
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
  if (result.target == AblationTarget::kRandom) result.draws = std::move(accuracies);
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
      if (options.n_random == 0 || part.extent != Extent::kPart) {
        results.push_back(removed);
        continue;
      }
      AblationResult control{.target = AblationTarget::kRandom, .fill = fill, .matrix = part.matrix};
      set_figures(control,
                  over_random_units(circuit.members, options.n_random, seed.derive("ablation/random").generator(),
                                    [&](const std::vector<at::Tensor>& units, int64_t draw) {
                                      return run(removing(units, part.only), seed.derive(std::to_string(draw)));
                                    }));
      control.note = origin_note(circuit, part.only);
      removed.p = p_value(removed.accuracy.mean, control.draws, Stronger::kLower);
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
