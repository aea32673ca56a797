#pragma once

#include <optional>

#include "cprobe/baselines/baseline.h"
#include "cprobe/core/progress.h"
#include "cprobe/evaluate/interchange.h"

namespace cprobe {

/// Distributed alignment search. Defaults are those of the paper (Lepori et al. 2024, section 4 and its code).
struct DasOptions {
  /// Directions exchanged, in [1, d_model], or 0 for half the width: DAS with a fixed dimension. None: boundless DAS,
  /// which learns it.
  std::optional<int64_t> dimension;
  /// Base rows drawn from the training set, >= 1, and others of its rows, which choose the step that counts, >= 1. Where it
  /// has fewer rows than both together, all of them are taken, in the same proportion.
  int64_t train_pairs = 2500;
  int64_t dev_pairs = 1000;
  int64_t epochs = 250;         ///< Passes over the training pairs, always in the same order, >= 1.
  int64_t batch_size = 128;     ///< Pairs a step, >= 1; the last batch of an epoch may be smaller.
  double learning_rate = 0.01;  ///< Of the rotation; Adam, > 0. It rises for a tenth of the steps, then falls to 0.
  double boundary_learning_rate = 5e-3;  ///< Of the boundary, > 0; on the same schedule.
  double start_temperature = 50;         ///< Of the boundary, > 0; linear over the steps.
  double end_temperature = 0.1;          ///< > 0.
  int64_t evaluate_every = 500;          ///< Steps between evaluations on the dev pairs, >= 1.
  int64_t random_controls = 20;          ///< Random rotations beside the learned one, >= 0.
};

/// A trained alignment.
struct DasResult {
  Alignment alignment;
  double boundary = 1;                 ///< Boundless: share of the width inside the boundary; else dimension / width.
  int64_t step = 0;                    ///< The step it was taken after.
  std::optional<double> dev_accuracy;  ///< Interchange accuracy on the dev pairs; none without them.
};

/// Learns which directions of the state hold a variable: Adam on the cross-entropy of the counterfactual answers after an
/// interchange intervention (Geiger et al. 2023, "Finding Alignments Between Interpretable Causal Variables and
/// Distributed Neural Representations"); boundless (Wu et al. 2023) with the boundary and `distance_from_permutation`
/// added to the loss.
/// @param dev     nullptr: the last step counts. Otherwise the evaluation with the best accuracy on these pairs, of equal
///                ones the last.
/// @throws Error (kInput) if the dimension exceeds the width; (kFailed) if the loss is no number; (kInterrupted) between
///         steps once a stop is requested.
DasResult train_das(const Model& model, const InterchangePairs& train, const InterchangePairs* dev,
                    const DasOptions& options, Seed seed, const OnProgress& on_progress = {});

/// The method: trains on pairs from the training set and reports interchange accuracy on all pairs of the test set, beside
/// random rotations with the same weights. Protocol `paper` draws the reference's pairs and takes the last step; dev
/// pairs are then drawn and not used.
std::unique_ptr<BaselineMethod> make_das(const DasOptions& options);

/// Reads the keys of DasOptions from a spec; `dimension` only if the defaults have one, those of the boundary only if
/// not. @param map nullptr: the defaults. @throws Error (kInput) with file, line and column.
DasOptions read_das_options(const Document* map, DasOptions defaults);

}  // namespace cprobe
