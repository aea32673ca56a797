#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/evaluate/behaviour.h"

namespace cprobe {

/// What a removed unit sees in place of its input.
enum class Fill {
  kZero,      ///< Nothing: the unit is left with its bias.
  kMean,      ///< The mean input over the training tokens at the same position.
  kResample,  ///< The input of one random training token at the same position, drawn once per prefix node.
};
inline constexpr std::array kFills = {Fill::kZero, Fill::kMean, Fill::kResample};

std::string_view to_string(Fill fill);   ///< "zero", "mean", "resample".
Fill parse_fill(std::string_view text);  ///< @throws Error (kInput) for any other text.
std::string fill_names();                ///< All, with commas between.

/// Whether any of them takes inputs of training tokens.
bool take_donors(const std::vector<Fill>& fills);

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

  double untouched() const { return untouched_.accuracy; }  ///< Accuracy of the untouched model.
  /// Mean log-probability of the right next token in the untouched model, in nats. Computed at each call.
  double untouched_log_probability() const;
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

}  // namespace cprobe
