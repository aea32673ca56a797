#include "cprobe/evaluate/ablation.h"

#include "cprobe/circuit/head_units.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/controls.h"

namespace cprobe {
namespace {

/// The words of notes of random controls. The second one names matrices.
constexpr std::string_view kFromComplement = "drawn from the complement", kFromAll = "drawn from all units in ";
constexpr std::string_view kComma = ", ";

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

/// Whether ablations of this kind are random draws, or several circuits.
bool has_draws(AblationTarget target) {
  return target == AblationTarget::kRandom || target == AblationTarget::kNull ||
         target == AblationTarget::kRandomComplement;
}

/// Whether only random sets are to be left as well, with this fill.
bool asks_for_sufficiency(const AblationOptions& options, Fill fill) {
  return options.sufficiency && options.complement && options.n_random > 0 && fill == options.fills.front();
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
  if (has_draws(result.target)) result.draws = std::move(accuracies);
  if (!divergences.empty()) result.effect = EffectSpread{spread(log_probabilities), spread(divergences)};
}

std::vector<at::Tensor> all_of(const std::vector<at::Tensor>& members) {
  std::vector<at::Tensor> all;
  for (const at::Tensor& member : members) all.push_back(at::ones_like(member));
  return all;
}

/// How much more often rows are answered right in the mean over draws than in one measurement.
/// @param sign  1; -1: how much less often.
Interval mean_draw_minus(const AblationBench::Measured& one, const std::vector<AblationBench::Measured>& draws,
                         double sign, const AblationContext* context) {
  at::Tensor of_rows = one.right.to(at::kDouble) * -sign;
  std::vector<double> means;
  for (const AblationBench::Measured& draw : draws) {
    of_rows.add_(draw.right.to(at::kDouble), sign / static_cast<double>(draws.size()));
    means.push_back(draw.accuracy);
  }
  std::vector<TypeMean> types;
  if (context != nullptr) {
    types = type_means(of_rows, context->of_rows, context->types);
  } else {
    for (int64_t row = 0; row < of_rows.size(0); ++row) types.push_back({.mean = of_rows[row].item<double>()});
  }
  if (means.size() < 2) means.clear();  // no variance of their mean
  return interval_over_types(types, means, {-1, 1});
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
    case AblationTarget::kNull:
      return "null circuits";
    case AblationTarget::kComponent:
      return "component";
    case AblationTarget::kRandomComplement:
      return "random complement";
  }
  throw failure("unknown ablation target");
}

std::string AblationResult::note() const {
  if (target == AblationTarget::kNull || target == AblationTarget::kComponent) return {};
  if (target == AblationTarget::kRandom || target == AblationTarget::kRandomComplement) {
    if (random_sets == RandomSets::kUniform) return "drawn from all sets of its size";
    if (drawn_from_all.empty()) return std::string(kFromComplement);
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
  random_sets =
      words.starts_with(kFromAll) || words == kFromComplement ? RandomSets::kComplement : RandomSets::kUniform;
  if (!words.starts_with(kFromAll)) return;
  words.remove_prefix(kFromAll.size());
  while (!words.empty()) {
    const size_t end = std::min(words.find(kComma), words.size());
    drawn_from_all.emplace_back(words.substr(0, end));
    words.remove_prefix(std::min(end + kComma.size(), words.size()));
  }
}

std::vector<AblationResult> ablate(const AblationBench& bench, const Circuit& circuit, const AblationOptions& options,
                                   const AblationSeeds& seeds, const OnProgress& on_progress,
                                   const AblationContext* context) {
  const std::span<const Circuit> nulls = context == nullptr ? std::span<const Circuit>() : context->nulls;
  Progress progress{.what = "ablations", .total = most_ablations(options, circuit.matrices.size(), nulls.size())};
  std::vector<Part> parts = {Part(circuit, std::nullopt)};
  if (options.per_matrix) {
    for (size_t i = 0; i < circuit.matrices.size(); ++i) parts.emplace_back(circuit, i);
  }
  std::vector<AblationResult> results;
  for (const Fill fill : options.fills) {
    const HeadPart of_heads = fill == Fill::kResample ? HeadPart::kAll : HeadPart::kValues;
    const auto run = [&](const std::vector<at::Tensor>& multipliers, Seed donors) {
      stop_if_interrupted();
      const AblationBench::Measured measured =
          bench.measure(over_outputs(bench.config(), circuit.matrices, circuit.unit, multipliers, of_heads), fill,
                        donors, options.effect);
      ++progress.done;
      tell(on_progress, progress);
      return measured;
    };
    /// Runs the model with multipliers made of each random set: the same sets at every call.
    const auto over_random_sets = [&](const auto& multipliers_of) {
      return over_random_units(circuit.members, options.random_sets, options.n_random,
                               seeds.sets.derive("ablation/random").generator(),
                               [&](const std::vector<at::Tensor>& units, int64_t draw) {
                                 return run(multipliers_of(units), seeds.donors.derive(std::to_string(draw)));
                               });
    };
    for (const Part& part : parts) {
      AblationResult removed = part.of(AblationTarget::kCircuit, fill);
      const AblationBench::Measured without = run(removing(circuit.members, part.only), seeds.donors);
      set_figures(removed, {without});
      if (options.n_random == 0 || removed.extent != Extent::kPart) {
        results.push_back(removed);
        continue;
      }
      AblationResult control = part.of(AblationTarget::kRandom, fill);
      const std::vector<AblationBench::Measured> draws =
          over_random_sets([&](const std::vector<at::Tensor>& units) { return removing(units, part.only); });
      set_figures(control, draws);
      control.random_sets = options.random_sets;
      if (options.random_sets == RandomSets::kComplement) control.drawn_from_all = names_drawn_from_all(circuit, part);
      removed.harm = mean_draw_minus(without, draws, 1, context);
      removed.p = p_value(removed.accuracy.mean, control.draws, Stronger::kLower);
      results.push_back(removed);
      results.push_back(control);
    }
    if (options.complement) {
      AblationResult kept = parts.front().of(AblationTarget::kComplement, fill);
      const AblationBench::Measured only = run(removing(complement_of(circuit.members)), seeds.donors);
      set_figures(kept, {only});
      if (asks_for_sufficiency(options, fill) && kept.extent == Extent::kPart) {
        AblationResult random_kept = parts.front().of(AblationTarget::kRandomComplement, fill);
        const std::vector<AblationBench::Measured> draws =
            over_random_sets([](const std::vector<at::Tensor>& units) { return removing(complement_of(units)); });
        set_figures(random_kept, draws);
        kept.gain = mean_draw_minus(only, draws, -1, context);
        results.push_back(kept);
        results.push_back(random_kept);
      } else {
        results.push_back(kept);
      }
    }
    if (options.component) {
      AblationResult all{.target = AblationTarget::kComponent, .fill = fill};
      set_figures(all, {run(removing(all_of(circuit.members)), seeds.donors)});
      results.push_back(all);
    }
    if (!nulls.empty() && fill == options.fills.front()) {
      AblationResult of_nulls{.target = AblationTarget::kNull, .fill = fill};
      std::vector<AblationBench::Measured> measured;
      for (const Circuit& null : nulls) measured.push_back(run(removing(null.members), seeds.donors));
      set_figures(of_nulls, measured);
      results.push_back(of_nulls);
    }
  }
  return results;
}

int64_t most_ablations(const AblationOptions& options, size_t n_matrices, size_t n_nulls) {
  const int64_t n_parts = 1 + (options.per_matrix ? static_cast<int64_t>(n_matrices) : 0);
  const int64_t of_fill = n_parts * (1 + options.n_random) + (options.complement ? 1 : 0) + (options.component ? 1 : 0);
  const int64_t of_sufficiency = asks_for_sufficiency(options, options.fills.front()) ? options.n_random : 0;
  return std::ssize(options.fills) * of_fill + of_sufficiency + static_cast<int64_t>(n_nulls);
}

}  // namespace cprobe
