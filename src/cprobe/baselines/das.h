#pragma once

#include <optional>

#include "cprobe/baselines/baseline.h"
#include "cprobe/core/progress.h"
#include "cprobe/evaluate/interchange.h"

namespace cprobe {

/// Settings of distributed alignment search (DAS). Defaults are those of Lepori et al. 2024
/// (section 4 and their code).
struct DasOptions {
  /// Number of directions exchanged.
  ///   - in [1, d_model]: DAS with this number;
  ///   - 0: DAS with half the width;
  ///   - not set: boundless DAS, which learns the number.
  std::optional<int64_t> dimension;
  /// Base rows drawn from the training set, >= 1. If the training set has fewer rows than
  /// `train_pairs` and `dev_pairs` together, all its rows are taken, in the same proportion.
  int64_t train_pairs = 2500;
  int64_t dev_pairs = 1000;  ///< Other rows of the training set, which choose the step, >= 1.
  int64_t epochs = 250;      ///< Passes over the training pairs, always in the same order, >= 1.
  int64_t batch_size = 128;  ///< Pairs per step, >= 1; the last batch of an epoch may be smaller.
  /// Adam's, for the rotation, > 0. Rises from 0 for a tenth of the steps, then falls to 0.
  double learning_rate = 0.01;
  double boundary_learning_rate = 5e-3;  ///< For the boundary, > 0; on the same schedule.
  double start_temperature = 50;         ///< Boundary's temperature at the first step, > 0.
  double end_temperature = 0.1;          ///< At the last step, > 0; linear in between.
  int64_t evaluate_every = 500;          ///< Steps between evaluations on the dev pairs, >= 1.
  int64_t random_controls = 20;          ///< Random rotations to compare with, >= 0.
  /// Null variables for which directions are learned anew, >= 0: the first ones, and no more than
  /// there are. Each takes as long as the variable itself. Not set: all.
  std::optional<int64_t> null_variables = {};
};

/// A trained alignment.
struct DasResult {
  Alignment alignment;
  /// Boundless: share of the width inside the boundary. Otherwise: dimension / width.
  double boundary = 1;
  int64_t step = 0;                    ///< The alignment was taken after this step.
  std::optional<double> dev_accuracy;  ///< Interchange accuracy on dev pairs; set if there are any.
};

/// Learns which directions of the state hold a variable. Adam on the cross-entropy of the
/// counterfactual answers after an interchange intervention (Geiger et al. 2023, "Finding
/// Alignments Between Interpretable Causal Variables and Distributed Neural Representations").
/// Boundless DAS (Wu et al. 2023) adds the boundary and `distance_from_permutation` to the loss.
/// @param dev  pairs to choose the step by. The alignment is evaluated on these pairs every
///             `evaluate_every` steps and after the last step. The step with the best accuracy is
///             taken, of equal ones the last. nullptr: the last step is taken.
/// @throws Error
///   - (kInput) if the dimension exceeds the width;
///   - (kFailed) if the loss is no number;
///   - (kInterrupted) between steps once a stop is requested.
DasResult train_das(const Model& model, const InterchangePairs& train, const InterchangePairs* dev,
                    const DasOptions& options, Seed seed, const OnProgress& on_progress = {});

/// The method: trains on pairs from the training set, and reports interchange accuracy on all pairs
/// of the test set, beside that of random rotations with the same weights. Protocol paper draws the
/// reference's pairs and takes the last step; dev pairs are then drawn but not used.
///
/// Protocol default also reports
///   - `effective_dimension`: the sum of the weights of the directions;
///   - `interchange_accuracy changed` and `isolation` with the whole state exchanged;
///   - `source_answer`, also with the whole state: share of the rows whose source the model answers
///     otherwise that then give the source's answer. Not of sentences;
///   - `isolation`: share of rows whose answer stays as it was with a source of the same value and,
///     if types are known, another type;
///   - with null variables, `changed_answers`: accuracy on the rows whose counterfactual answer is
///     not their own, beside that of null variables. Directions for null variable b are learned
///     from the same rows and answers, and other sources: rows in which b has the value that the
///     variable has in the row's own source (other_sources.h). Left out if a source is no row of
///     its data set.
std::unique_ptr<BaselineMethod> make_das(const DasOptions& options);

/// Reads the keys of DasOptions from a spec. Accepts `dimension` if the defaults have a dimension,
/// otherwise the keys of the boundary and its temperatures.
/// @param map  the method's map; nullptr: the defaults.
/// @throws Error (kInput) with file, line and column.
DasOptions read_das_options(const Document* map, DasOptions defaults);

}  // namespace cprobe
