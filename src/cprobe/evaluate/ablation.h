#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/core/extent.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/evaluate/ablation_bench.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/evaluate/type_means.h"

namespace cprobe {

/// What is ablated.
enum class AblationTarget {
  kCircuit,           ///< The circuit's units; all others stay.
  kComplement,        ///< All other units of the component; the circuit stays.
  kRandom,            ///< As many units per matrix as the circuit has, drawn at random.
  kNull,              ///< The circuits of null variables, one after the other.
  kComponent,         ///< All units of the component.
  kRandomComplement,  ///< All but the units of a random set, as kRandom draws them; the set stays.
};

/// "circuit", "complement", "random", "null circuits", "component", "random complement".
std::string_view to_string(AblationTarget target);

/// In place of a matrix's name: all matrices of the component.
inline constexpr std::string_view kWhole = "all";

/// The effect of one kind of ablation on the next token (NextTokenEffect), over its random draws.
struct EffectSpread {
  Spread log_probability;  ///< Nats.
  Spread divergence;       ///< Nats.

  friend bool operator==(const EffectSpread&, const EffectSpread&) = default;
};

/// One ablation and what it did to the behaviour.
struct AblationResult {
  AblationTarget target = AblationTarget::kCircuit;
  Fill fill = Fill::kZero;
  /// "all", or the short name of the one matrix that was ablated ("c_attn").
  std::string matrix{kWhole};
  /// How much of the component (of the matrix) the circuit takes.
  Extent extent = Extent::kPart;
  Spread accuracy;                     ///< Over the random draws; otherwise a single value.
  std::vector<double> draws;           ///< kRandom, kNull, kRandomComplement: accuracy of each draw.
  std::optional<EffectSpread> effect;  ///< Over the same draws; absent unless asked for.
  std::optional<double> p;             ///< kCircuit with random controls only: p_value of accuracy.
  /// kCircuit with random controls only: mean accuracy with a random set ablated, minus accuracy.
  std::optional<Interval> harm;
  /// kComplement beside kRandomComplement only: accuracy with only the circuit left, minus mean
  /// accuracy with only a random set left.
  std::optional<Interval> gain;
  RandomSets random_sets = RandomSets::kUniform;  ///< kRandom only.
  /// kRandom only: the matrices whose complement is smaller than the circuit's part, so that random
  /// units were drawn from all units of the matrix.
  std::vector<std::string> drawn_from_all;

  /// Words for a reader: where random units were drawn, or that the ablation removes nothing or
  /// everything; empty if there is nothing to say.
  std::string note() const;
  /// Sets `extent` and `drawn_from_all` from the words of `note`. Other words are ignored.
  void read_note(std::string_view words);

  friend bool operator==(const AblationResult&, const AblationResult&) = default;
};

struct AblationOptions {
  std::vector<Fill> fills = {Fill::kZero};
  int64_t n_random = 20;  ///< Random controls per fill, >= 0.
  RandomSets random_sets = RandomSets::kUniform;
  uint64_t sets_seed = 0;   ///< Of uniform random sets (seed_of_random_sets).
  bool per_matrix = false;  ///< Also ablate each weight matrix's part of the circuit alone.
  bool complement = true;   ///< Also ablate the complement.
  bool component = false;   ///< Also ablate the whole component.
  /// With `complement`: also leave only each of the random sets, for the first fill.
  bool sufficiency = false;
  bool effect = false;  ///< Also measure the effect on the whole distribution of the next token.
};

/// What an ablation is compared with, beside random controls.
struct AblationContext {
  const Types& types;
  at::Tensor of_rows;                   ///< [n_rows] int64: the type of each row of the bench.
  std::span<const Circuit> nulls = {};  ///< Circuits of null variables.
};

/// What random draws come from.
struct AblationSeeds {
  Seed sets;    ///< Of random sets.
  Seed donors;  ///< Of the rows that Fill::kResample takes.

  /// One seed for both.
  AblationSeeds(Seed both) : sets(both), donors(both) {}  // NOLINT(google-explicit-constructor)
  AblationSeeds(Seed of_sets, Seed of_donors) : sets(of_sets), donors(of_donors) {}
};

/// All ablations of a circuit. For each fill: the circuit, random controls, each matrix alone, the
/// complement and the component, as far as `options` asks for them; with the first fill, also all
/// but each random set, and each null circuit. A circuit (or part in a matrix) that is empty or
/// full has no random controls: every draw would equal the circuit.
///
/// @param context  if null, each row counts as independent of the others.
/// @param on_progress is told of each run of the model, out of most_ablations.
/// @throws Error (kInterrupted) between two runs once a stop is requested.
std::vector<AblationResult> ablate(const AblationBench& bench, const Circuit& circuit, const AblationOptions& options,
                                   const AblationSeeds& seeds, const OnProgress& on_progress = {},
                                   const AblationContext* context = nullptr);

/// The most runs of the model that `ablate` takes on a component of `n_matrices` matrices.
int64_t most_ablations(const AblationOptions& options, size_t n_matrices, size_t n_nulls = 0);

}  // namespace cprobe
