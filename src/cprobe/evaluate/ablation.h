#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {

/// What is removed.
enum class AblationTarget {
  kCircuit,     ///< The circuit's units; all others stay.
  kComplement,  ///< All other units of the component; the circuit stays.
  kRandom,      ///< As many units per matrix as the circuit has, drawn at random.
};

/// What a removed unit sees in place of its input.
enum class Fill {
  kZero,      ///< Nothing: the unit is left with its bias.
  kMean,      ///< The mean input over the training tokens at the same position.
  kResample,  ///< The input of one random training token at the same position, drawn once per prefix node.
};
inline constexpr std::array kFills = {Fill::kZero, Fill::kMean, Fill::kResample};

std::string_view to_string(AblationTarget target);  ///< "circuit", "complement", "random".
std::string_view to_string(Fill fill);              ///< "zero", "mean", "resample".
Fill parse_fill(std::string_view text);             ///< @throws Error (kInput) for any other text.
std::string fill_names();                           ///< All, with commas between.

/// Stands for all matrices in the place of a matrix's name.
inline constexpr std::string_view kWhole = "all";

/// Whether any of them takes inputs of training tokens.
bool take_donors(const std::vector<Fill>& fills);

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

/// Ablations of one component on one data set. Everything before the component is computed once, at construction; each
/// variant recomputes only what is downstream. Refers to `model` and to `evaluation`, which must outlive it.
class AblationBench {
 public:
  /// @param before     the stream of `evaluation` at the component (all nodes).
  /// @param untouched  the model as it is on `evaluation`.
  /// @param training   data set whose tokens give means and donors; null: fills other than zero are refused.
  /// @param training_before its stream at the component (all nodes).
  AblationBench(const Model& model, const ComponentRef& component, const Dataset& evaluation, Stream before,
                Untouched untouched, const Dataset* training = nullptr, const Stream* training_before = nullptr);

  struct Measured {
    double accuracy = 0;                    ///< Of the task.
    std::optional<NextTokenEffect> effect;  ///< Where asked for.
  };
  /// The behaviour with the component under the given multipliers (one per matrix on any device, undefined: not masked).
  /// @param donors draws the donors of kResample. @throws Error (kFailed) for a fill without training data.
  Measured measure(const std::vector<at::Tensor>& multipliers, Fill fill, Seed donors, bool with_effect = false) const;

  double vanilla() const { return untouched_.accuracy; }  ///< Accuracy of the untouched model.
  /// Mean log-probability of the right next token in the untouched model, in nats. Computed at each call.
  double vanilla_log_probability() const;
  int64_t n_rows() const { return behaviour_.n_rows(); }

 private:
  std::vector<at::Tensor> fill_inputs(Fill fill, Seed donors) const;

  const Model& model_;
  ComponentRef component_;
  const TokenTrie& trie_;
  Stream before_;
  Behaviour behaviour_;
  Untouched untouched_;
  /// In a parallel residual, where attention is ablated: the same layer's MLP reads nothing that changes.
  std::map<ComponentRef, at::Tensor> known_updates_;
  struct Donors {
    std::vector<at::Tensor> inputs;  ///< Per matrix, [n_nodes, n_in] at the training nodes.
    at::Tensor position;             ///< [n_nodes] int64.
    at::Tensor count;                ///< [n_nodes] float64: training rows through each node.
  };
  std::optional<Donors> donors_;
};

/// Multipliers that remove units: 0 for these, 1 for the others; undefined, which masks nothing, in every matrix but
/// `only` where one is given. @param units per matrix, as Circuit::members.
std::vector<at::Tensor> removing(const std::vector<at::Tensor>& units, std::optional<size_t> only = {});

struct AblationOptions {
  std::vector<Fill> fills = {Fill::kZero};
  int64_t n_random = 20;    ///< Random controls per fill, >= 0.
  bool per_matrix = false;  ///< Also ablate each weight matrix's part of the circuit alone.
  bool complement = true;   ///< Also ablate the complement.
  bool effect = false;      ///< Also measure the effect on the whole distribution of the next token.
};

/// Units of a random control: per matrix as many as the circuit has there, from its complement where they fit, else
/// from all units.
struct RandomUnits {
  std::vector<at::Tensor> members;      ///< As Circuit::members.
  std::vector<bool> beyond_complement;  ///< Per matrix: its units came from all units.
};
RandomUnits draw_random_units(const Circuit& circuit, at::Generator& generator);

/// All ablations of a circuit: per fill the circuit, its complement, the random controls, and each matrix alone where
/// asked. A part that is empty or full has no random controls, which would all be equal to it.
/// @param on_progress told of each run of the model, out of most_ablations.
/// @throws Error (kInterrupted) between two of them once a stop is requested.
std::vector<AblationResult> ablate(const AblationBench& bench, const Circuit& circuit, const AblationOptions& options,
                                   Seed seed, const OnProgress& on_progress = {});

/// The most runs of the model that `ablate` takes, for a component with so many matrices.
int64_t most_ablations(const AblationOptions& options, size_t n_matrices);

}  // namespace cprobe
