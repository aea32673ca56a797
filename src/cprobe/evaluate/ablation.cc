#include "cprobe/evaluate/ablation.h"

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/controls.h"

namespace cprobe {
namespace {

/// The words of notes that name the matrices drawn from all units.
constexpr std::string_view kFromAll = "drawn from all units in ", kComma = ", ";

std::vector<at::Tensor> complement_of(const std::vector<at::Tensor>& members) {
  std::vector<at::Tensor> others;
  others.reserve(members.size());
  for (const at::Tensor& member : members) others.push_back(member.logical_not());
  return others;
}

/// Ablations of a circuit, or of the circuit's part in one matrix.
struct Part {
  std::optional<size_t> only;  ///< The one matrix.
  AblationResult result;       ///< Without figures.

  Part(const Circuit& circuit, std::optional<size_t> only_matrix) : only(only_matrix) {
    if (only) result.matrix = circuit.matrices[*only].short_name;
    int64_t n_units = 0, max_units = 0;
    for (size_t i = 0; i < circuit.members.size(); ++i) {
      if (only && *only != i) continue;
      n_units += circuit.members[i].sum().item<int64_t>();
      max_units += circuit.members[i].numel();
    }
    result.extent = extent_of(n_units, max_units);
  }

  /// The result of an ablation, still without figures.
  AblationResult of(AblationTarget target, Fill fill) const {
    AblationResult made = result;
    made.target = target;
    made.fill = fill;
    return made;
  }
};

/// The matrices of `part` in which random units are drawn from all units.
std::vector<std::string> names_drawn_from_all(const Circuit& circuit, const Part& part) {
  const std::vector<bool> from_all = drawn_from_all(circuit.members);
  std::vector<std::string> names;
  for (size_t i = 0; i < from_all.size(); ++i) {
    if (from_all[i] && part.only.value_or(i) == i) names.push_back(circuit.matrices[i].short_name);
  }
  return names;
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

std::string AblationResult::note() const {
  if (target == AblationTarget::kRandom) {
    if (drawn_from_all.empty()) return "drawn from the complement";
    return fmt::format("{}{}", kFromAll, fmt::join(drawn_from_all, kComma));
  }
  if (extent == Extent::kPart) return {};
  const bool is_whole = matrix == kWhole;
  const bool removes_nothing = (extent == Extent::kEmpty) == (target == AblationTarget::kCircuit);
  return fmt::format("{} circuit{}: {}", to_string(extent), is_whole ? "" : " in " + matrix,
                     removes_nothing ? "nothing to remove"
                     : is_whole      ? "the whole component is removed"
                                     : "all of it is removed");
}

void AblationResult::read_note(std::string_view words) {
  extent = Extent::kPart;
  drawn_from_all.clear();
  for (const Extent other : {Extent::kEmpty, Extent::kFull}) {
    if (words.starts_with(fmt::format("{} circuit", to_string(other)))) extent = other;
  }
  if (!words.starts_with(kFromAll)) return;
  words.remove_prefix(kFromAll.size());
  while (!words.empty()) {
    const size_t end = std::min(words.find(kComma), words.size());
    drawn_from_all.emplace_back(words.substr(0, end));
    words.remove_prefix(std::min(end + kComma.size(), words.size()));
  }
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
      AblationResult removed = part.of(AblationTarget::kCircuit, fill);
      set_figures(removed, {run(removing(circuit.members, part.only), seed)});
      if (options.n_random == 0 || removed.extent != Extent::kPart) {
        results.push_back(removed);
        continue;
      }
      AblationResult control = part.of(AblationTarget::kRandom, fill);
      set_figures(control,
                  over_random_units(circuit.members, options.n_random, seed.derive("ablation/random").generator(),
                                    [&](const std::vector<at::Tensor>& units, int64_t draw) {
                                      return run(removing(units, part.only), seed.derive(std::to_string(draw)));
                                    }));
      control.drawn_from_all = names_drawn_from_all(circuit, part);
      removed.p = p_value(removed.accuracy.mean, control.draws, Stronger::kLower);
      results.push_back(removed);
      results.push_back(control);
    }
    if (options.complement) {
      AblationResult kept = parts.front().of(AblationTarget::kComplement, fill);
      set_figures(kept, {run(removing(complement_of(circuit.members)), seed)});
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
