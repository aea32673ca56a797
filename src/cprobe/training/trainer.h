#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"

namespace cprobe {

/// How a toy model is trained. Defaults are those of Lepori et al. 2024, section 4 (Experiment 1): full-batch AdamW on
/// the cross-entropy of the token after each row's last, in float64.
struct TrainOptions {
  int64_t steps = 10'000;            ///< Optimiser steps, each over all rows; >= 1.
  double learning_rate = 1e-3;       ///< AdamW's, after the warm-up; > 0.
  double weight_decay = 1.0;         ///< AdamW's decoupled decay of every weight, biases and norms too; >= 0.
  double beta1 = 0.9;                ///< Decay of the first moment, in [0, 1).
  double beta2 = 0.98;               ///< Decay of the second moment, in [0, 1).
  double adam_epsilon = 1e-8;        ///< Added to the root of the second moment; > 0.
  int64_t warm_up_steps = 10;        ///< The rate rises from a third, linearly, over so many steps; 0: at once full.
  int64_t evaluate_every = 100;      ///< Steps between points of the curve; >= 1. Steps of checkpoints are on it too.
  std::vector<int64_t> checkpoints;  ///< Steps (0: before training) after which the model is kept, each in [0, steps].
  /// In (0, 1]: ends training at the first evaluation that reaches it.
  std::optional<double> stop_at_test_accuracy = {};
  int64_t save_every = 500;  ///< Steps between saved states, from which a killed run goes on; >= 1.
  bool overwrite = false;    ///< A finished or different run in the folder is removed instead of refused.
  bool quiet = false;        ///< No progress on stderr.
  /// Asked after every step; true stops as Ctrl-C does, which is the default.
  std::function<bool(int64_t step)> stop_requested;
};

/// One evaluation of the model after `step` optimiser steps.
struct CurvePoint {
  int64_t step = 0;
  double train_loss = 0;      ///< Mean cross-entropy over the training rows, in nats.
  double train_accuracy = 0;  ///< Share of rows whose right token has the largest logit, in [0, 1].
  double test_loss = 0;
  double test_accuracy = 0;
};

struct TrainResult {
  Model model;
  std::vector<CurvePoint> curve;  ///< By step; the last point is the model's.
  int64_t resumed_at = 0;         ///< Step from which an earlier run was continued; 0: from the beginning.
  double seconds = 0;             ///< Duration of this call's steps and evaluations.
};

/// The paper's toy model: a one-layer GPT-2 with 4 heads, d_model 128, 512 ReLU neurons and a tied unembedding.
ModelConfig toy_config(int64_t vocab, int64_t n_positions);

/// Trains a fresh model and writes into `folder`:
///
///     step_<n>/                 the model after n steps, for every n of `checkpoints`, as a Hugging Face folder
///     final/                    the model after the last step, likewise
///     curve.csv                 step, train_loss, train_accuracy, test_loss, test_accuracy
///     settings.json             model, options, data and seed of the run; written last: a folder that has it is done
///     state/training.safetensors   only while unfinished: everything needed to go on
///
/// Called again with the same arguments after a kill or Ctrl-C, it goes on from the last saved state; the weights are
/// then bit-identical to those of an uninterrupted run. Same seed and threads: same bits. `stop_requested` ends it
/// between two steps, with the state saved. Shows progress. Memory: about 15 times one MLP's hidden activations
/// (training rows x d_mlp floats), 200 MB for Experiment 1.
///
/// @param train, test  rows of tokens with their answers; both within the config's vocabulary and positions.
/// @throws Error (kInput) if an option is out of its range, a sequence or token does not fit the model, the folder
///         holds a finished run or one with other settings (names them) and `overwrite` is off, or the saved state is
///         damaged; (kFailed) if the loss is no longer finite or a file cannot be written; (kInterrupted) if stopped,
///         saying what was kept.
TrainResult train(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                  const std::filesystem::path& folder, Seed seed);

/// Trains on from given weights by the same steps, with a fresh optimiser, and writes nothing. Of the options those about
/// files, stopping and progress do not apply: checkpoints, save_every, overwrite, stop_at_test_accuracy, stop_requested,
/// quiet. Same weights and threads: same bits. Memory as `train`, and four times the weights.
/// @param goes_on told each evaluation, before the first step and every `evaluate_every` steps; false ends training.
/// @return the trained model; `start` stays as it is.
/// @throws Error as `train`, (kInterrupted) on Ctrl-C.
Model train_in_memory(const Model& start, const Dataset& train, const Dataset& test, const TrainOptions& options,
                      const std::function<bool(const CurvePoint&)>& goes_on);

/// Refuses what `train` would refuse before its first step, but for a finished run of just these arguments; nothing is
/// written. @throws Error (kInput) as `train`.
void check_training(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                    const std::filesystem::path& folder, Seed seed);

/// Whether `folder` holds a finished run of `train` with just these arguments. @throws Error (kInput) as `train` for
/// damaged settings.
bool is_trained(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                const std::filesystem::path& folder, Seed seed);

}  // namespace cprobe
