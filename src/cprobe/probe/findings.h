#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/core/extent.h"
#include "cprobe/evaluate/ablation.h"
#include "cprobe/evaluate/nearest_neighbours.h"

namespace cprobe {

/// The figures of one cell. Its circuit is kept apart.
struct Findings {
  double train_loss = 0;    ///< Soft nearest neighbours loss under the hard mask, without L0 term.
  double test_loss = 0;     ///< The same loss on the test tokens.
  int64_t n_train = 0;      ///< Training tokens in complete batches.
  int64_t n_test = 0;       ///< Test tokens.
  KnnResult knn;            ///< Decoding from the circuit's updates.
  KnnResult full_knn;       ///< Decoding from the updates of the whole component.
  int64_t n_weights = 0;    ///< Weights in the circuit.
  int64_t max_weights = 0;  ///< Weights in the component.
  struct OnEvaluationSet {
    std::string label;     ///< The evaluation set, such as "Test".
    double untouched = 0;  ///< Task accuracy of the untouched model.
    /// Mean log probability of the right next token in the untouched model, in nats. Set if the
    /// ablations measure effects.
    std::optional<double> untouched_log_probability;
    int64_t n_rows = 0;
    std::vector<AblationResult> ablations;

    /// The ablation of one kind; null if there is none.
    /// @param matrix  short name of the only matrix that was ablated; kWhole: the whole component.
    const AblationResult* find(AblationTarget target, Fill fill, std::string_view matrix = kWhole) const;
    /// The fill of the first ablation. Tables show the ablations with this fill.
    Fill first_fill() const;
    /// The ablations of the whole component with the first fill; null if there is none.
    const AblationResult* circuit() const { return find(AblationTarget::kCircuit, first_fill()); }
    const AblationResult* random() const { return find(AblationTarget::kRandom, first_fill()); }
    const AblationResult* complement() const { return find(AblationTarget::kComplement, first_fill()); }

    friend bool operator==(const OnEvaluationSet&, const OnEvaluationSet&) = default;
  };
  std::vector<OnEvaluationSet> evaluation_sets;

  /// How much of the component the circuit takes.
  Extent extent() const { return extent_of(n_weights, max_weights); }
  double share() const;  ///< Share of the component's weights in the circuit, in [0, 1].
  /// The figures on one evaluation set; null if there is no such set.
  const OnEvaluationSet* on(std::string_view label) const;
  /// The figures on the evaluation set that tables show; null if nothing was ablated.
  const OnEvaluationSet* first() const { return evaluation_sets.empty() ? nullptr : &evaluation_sets.front(); }

  friend bool operator==(const Findings&, const Findings&) = default;
};

}  // namespace cprobe
