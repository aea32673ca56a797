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

/// The input that a removed unit gets in place of its own. At a position that no training row
/// reaches, the tokens of all positions are used.
enum class Fill {
  kZero,  ///< Zero: only the unit's bias is left.
  kMean,  ///< The mean input over the training tokens at the same position.
  /// The input of one random training token at the same position, drawn once per prefix node.
  kResample,
};
inline constexpr std::array kFills = {Fill::kZero, Fill::kMean, Fill::kResample};

std::string_view to_string(Fill fill);   ///< "zero", "mean", "resample".
Fill parse_fill(std::string_view text);  ///< @throws Error (kInput) for any other text.
std::string fill_names();                ///< All names, separated by commas.

/// Whether any of the fills takes inputs of training tokens.
bool take_donors(const std::vector<Fill>& fills);

/// Ablations of one component on one data set. Each ablation runs only the component and what
/// follows it: the states before the component are computed once and kept. Refers to `model` and to
/// `evaluation`, which must outlive the bench.
class AblationBench {
 public:
  /// @param before           stream of `evaluation` before the component, of all nodes.
  /// @param untouched        the untouched model on `evaluation`.
  /// @param training         data set whose tokens give means and donors. Null: fills other than
  ///                         zero are refused.
  /// @param training_before  stream of `training` before the component, of all nodes.
  AblationBench(const Model& model, const ComponentRef& component, const Dataset& evaluation, Stream before,
                Untouched untouched, const Dataset* training = nullptr, const Stream* training_before = nullptr);

  struct Measured {
    double accuracy = 0;                    ///< Task accuracy.
    at::Tensor right;                       ///< [n_rows] bool: which rows are answered right.
    std::optional<NextTokenEffect> effect;  ///< Set if asked for.
  };
  /// Measures the behaviour with the component under multipliers.
  /// @param multipliers  one per matrix, of its outputs or weights, on any device; undefined: not
  ///                     masked.
  /// @param donors       seeds the draws of donors (kResample).
  /// @throws Error (kFailed) if the fill needs training data and there is none.
  Measured measure(const std::vector<at::Tensor>& multipliers, Fill fill, Seed donors, bool with_effect = false) const;

  const ModelConfig& config() const { return model_.config; }
  double untouched() const { return untouched_.accuracy; }  ///< Accuracy of the untouched model.
  /// Mean log-probability of the right next token in the untouched model, in nats. Computed anew at
  /// each call.
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
  std::map<ComponentRef, at::Tensor> known_updates_;  ///< unaffected_updates.
  struct Donors {
    std::vector<at::Tensor> inputs;  ///< Per matrix, [n_nodes, n_in] at the training nodes.
    at::Tensor position;             ///< [n_nodes] int64.
    at::Tensor count;                ///< [n_nodes] float64: training rows through each node.
  };
  std::optional<Donors> donors_;
};

/// Multipliers that remove units: 0 for these units, 1 for all others. With `only`, the multipliers
/// of all other matrices are undefined, which masks nothing.
/// @param units  per matrix, as Circuit::members.
/// @param only   number of the one matrix to mask.
std::vector<at::Tensor> removing(const std::vector<at::Tensor>& units, std::optional<size_t> only = {});

}  // namespace cprobe
