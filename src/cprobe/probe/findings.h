#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/core/extent.h"
#include "cprobe/data/donors.h"
#include "cprobe/evaluate/ablation.h"
#include "cprobe/evaluate/nearest_neighbours.h"
#include "cprobe/evaluate/other_types.h"

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
  /// The circuit that was found at one of several L0 weights.
  struct PathStep {
    double l0_weight = 0;
    int64_t n_weights = 0;
    double accuracy = 0;  ///< On other types, of the rows trained on (AccuracyByType::mean).
    double standard_error = 0;
    bool is_chosen = false;
    friend bool operator==(const PathStep&, const PathStep&) = default;
  };
  std::vector<PathStep> path;  ///< Weights ascending; empty if the cell has one L0 weight.
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
    const AblationResult* component() const { return find(AblationTarget::kComponent, first_fill()); }
    /// All but a random set; null unless the spec asks whether the circuit suffices.
    const AblationResult* only_random() const { return find(AblationTarget::kRandomComplement, first_fill()); }

    friend bool operator==(const OnEvaluationSet&, const OnEvaluationSet&) = default;
  };
  std::vector<OnEvaluationSet> evaluation_sets;

  /// On what the variable depends, as Types::text; empty if the cell did not ask for types.
  std::string types;
  int64_t n_held_out = 0;  ///< Types that masks and exemplars never saw; 0: none was held out.
  /// How null variables are made, as to_string(NullKind); empty if none were asked for. The types
  /// may allow none.
  std::string null_kind;
  std::vector<int64_t> null_weights;  ///< Weights in the circuit of each null variable.
  /// Question 1 on one data set: is the variable in what the circuit writes, and was it made here?
  /// All accuracies are those of accuracy_on_other_types.
  struct Presence {
    std::string data;      ///< Label of the data set: "Test", "IID", "Gen", ...
    TestedFigure present;  ///< Accuracy from the circuit's updates.
    double most = 1;       ///< What that figure cannot exceed.
    double whole = 0;      ///< Accuracy from the updates of the whole component.
    /// Accuracy from the stream that the component reads, at one position; by
    /// linear_accuracy_on_other_types if that is more.
    struct Input {
      std::string position;  ///< "the probed token", "token 0", "2 before the probed token".
      double accuracy = 0;
      std::vector<double> nulls;
      friend bool operator==(const Input&, const Input&) = default;
    };
    std::vector<Input> inputs;
    std::string received_from;  ///< The position with the best accuracy.
    TestedFigure made_here;     ///< `present` minus the accuracy at `received_from`.
    friend bool operator==(const Presence&, const Presence&) = default;
  };
  std::vector<Presence> presence;
  /// Questions 3 and 4 on one evaluation set: does the variable reach the behaviour through this
  /// component, and through these units (of a mask that is a proper part)? Recorded where rows have
  /// donors.
  struct Exchange {
    std::string data;
    int64_t n_rows = 0;
    DonorKind donors = DonorKind::kTokens;  ///< In what rows and their donors differ.
    double untouched = 0;                   ///< Accuracy of the untouched model on these rows.
    double chance = 0;                      ///< Accuracy of giving one answer to all of them; 0 if not recorded.
    /// The whole component sees the donor: accuracy with donors of the same value, minus accuracy
    /// with donors of another value. Nulls: null variables, with donors of their own.
    TestedFigure effect;
    double keep = 0;         ///< Share of rows whose answer stays with donors of the same value.
    double keep_halves = 0;  ///< The same where half of the units of the input matrices see them.
    double moved = 0;        ///< Share of rows that give the donor's answer, donors of another value.
    double null_moved = 0;   ///< The same for null variables, on average.
    /// Of what the whole component moves, the share that the paths through the circuit move, and
    /// that all other paths move. Not set where the whole moves too few rows.
    std::optional<double> carried, left;
    TestedFigure units;                  ///< carried - left; nulls: random sets of the circuit's size.
    std::vector<double> units_of_nulls;  ///< carried - left of each null circuit.
    friend bool operator==(const Exchange&, const Exchange&) = default;
  };
  std::vector<Exchange> exchanges;

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
