#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/core/extent.h"
#include "cprobe/evaluate/ablation.h"
#include "cprobe/evaluate/nearest_neighbours.h"

namespace cprobe {

/// What one cell found, beside its circuit.
struct Findings {
  double train_loss = 0;  ///< Soft nearest neighbours loss under the hard mask, no L0 term.
  double test_loss = 0;
  int64_t n_train = 0;  ///< Training tokens in complete batches.
  int64_t n_test = 0;
  KnnResult knn;            ///< Of the circuit.
  KnnResult full_knn;       ///< Of the whole component.
  int64_t n_weights = 0;    ///< In the circuit.
  int64_t max_weights = 0;  ///< In the component.
  struct OnEvaluationSet {
    std::string label;                                ///< Data set, such as "Test".
    double untouched = 0;                             ///< Task accuracy of the untouched model.
    std::optional<double> untouched_log_probability;  ///< Of the right next token, in nats; with effects only.
    int64_t n_rows = 0;
    std::vector<AblationResult> ablations;

    /// The ablation of that kind of the whole component or of one matrix; null where there is none.
    const AblationResult* find(AblationTarget target, Fill fill, std::string_view matrix = kWhole) const;
    /// The fill of the first ablation: tables show those with it.
    Fill first_fill() const;
    /// Those of the whole component with the first fill; null where there is none.
    const AblationResult* circuit() const { return find(AblationTarget::kCircuit, first_fill()); }
    const AblationResult* random() const { return find(AblationTarget::kRandom, first_fill()); }
    const AblationResult* complement() const { return find(AblationTarget::kComplement, first_fill()); }

    friend bool operator==(const OnEvaluationSet&, const OnEvaluationSet&) = default;
  };
  std::vector<OnEvaluationSet> evaluation_sets;

  Extent extent() const { return extent_of(n_weights, max_weights); }  ///< Of the circuit.
  double share() const;                                                ///< Of the component's weights, in [0, 1].
  const OnEvaluationSet* on(std::string_view label) const;             ///< Null where there is no such data set.
  /// The data set that tables show; null where nothing was ablated.
  const OnEvaluationSet* first() const { return evaluation_sets.empty() ? nullptr : &evaluation_sets.front(); }

  friend bool operator==(const Findings&, const Findings&) = default;
};

}  // namespace cprobe
