#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/evaluate/ablation_bench.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {

/// What is removed.
enum class AblationTarget {
  kCircuit,     ///< The circuit's units; all others stay.
  kComplement,  ///< All other units of the component; the circuit stays.
  kRandom,      ///< As many units per matrix as the circuit has, drawn at random.
};

std::string_view to_string(AblationTarget target);  ///< "circuit", "complement", "random".

/// Stands for all matrices in the place of a matrix's name.
inline constexpr std::string_view kWhole = "all";

/// The effect of ablations of one kind on the next token (as NextTokenEffect), over their random draws.
struct EffectSpread {
  Spread log_probability;  ///< Nats.
  Spread divergence;       ///< Nats.

  friend bool operator==(const EffectSpread&, const EffectSpread&) = default;
};

/// One ablation and what it did to the behaviour.
struct AblationResult {
  AblationTarget target = AblationTarget::kCircuit;
  Fill fill = Fill::kZero;
  std::string matrix{kWhole};          ///< "all", or the short name of the one matrix that was ablated ("c_attn").
  Spread accuracy;                     ///< Over the random draws; a single value otherwise.
  std::vector<double> draws;           ///< kRandom only: the accuracy of each.
  std::optional<EffectSpread> effect;  ///< Where asked for; over the same draws.
  std::optional<double> p;             ///< kCircuit only, where there are random controls: p_value of accuracy.
  std::string note;  ///< In words: that nothing or everything is removed, or where random units came from.

  friend bool operator==(const AblationResult&, const AblationResult&) = default;
};

struct AblationOptions {
  std::vector<Fill> fills = {Fill::kZero};
  int64_t n_random = 20;    ///< Random controls per fill, >= 0.
  bool per_matrix = false;  ///< Also ablate each weight matrix's part of the circuit alone.
  bool complement = true;   ///< Also ablate the complement.
  bool effect = false;      ///< Also measure the effect on the whole distribution of the next token.
};

/// All ablations of a circuit: per fill the circuit, its complement, the random controls, and each matrix alone where
/// asked. A part that is empty or full has no random controls, which would all be equal to it.
/// @param on_progress told of each run of the model, out of most_ablations.
/// @throws Error (kInterrupted) between two of them once a stop is requested.
std::vector<AblationResult> ablate(const AblationBench& bench, const Circuit& circuit, const AblationOptions& options,
                                   Seed seed, const OnProgress& on_progress = {});

/// The most runs of the model that `ablate` takes, for a component with so many matrices.
int64_t most_ablations(const AblationOptions& options, size_t n_matrices);

}  // namespace cprobe
