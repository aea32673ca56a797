#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"

namespace cprobe {

/// How a toy model is trained. The defaults are those of Lepori et al. 2024, section 4 (Experiment
/// 1): full-batch AdamW on the cross-entropy, in float64, of the token after each row's last.
struct TrainOptions {
  int64_t steps = 10'000;       ///< Optimiser steps, each over all rows; >= 1.
  double learning_rate = 1e-3;  ///< AdamW's rate after the warm-up; > 0.
  /// AdamW's decoupled decay of all weights, biases and norms too; >= 0.
  double weight_decay = 1.0;
  double beta1 = 0.9;          ///< Decay of the first moment, in [0, 1).
  double beta2 = 0.98;         ///< Decay of the second moment, in [0, 1).
  double adam_epsilon = 1e-8;  ///< Added to the root of the second moment; > 0.
  int64_t warm_up_steps = 10;  ///< Steps in which the rate rises linearly from a third; 0: none.
  /// Steps between points of the curve; >= 1. Checkpoints add points.
  int64_t evaluate_every = 100;
  /// Steps after which the model is kept, each in [0, steps]; 0: before training.
  std::vector<int64_t> checkpoints;
  /// Ends training at the first evaluation that reaches this accuracy, in (0, 1].
  std::optional<double> stop_at_test_accuracy = {};
  int64_t save_every = 500;  ///< Steps between saved states, from which a killed run goes on; >= 1.
  /// Removes a finished or different run in the folder; else it is refused.
  bool overwrite = false;
  OnProgress on_progress;  ///< Told of every step, with the loss and the last test accuracy.
  /// Asked after every step; true stops training with the state saved. By default, Ctrl-C does.
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
  std::vector<CurvePoint> curve;  ///< Ascending steps; the last point is that of `model`.
  /// Step at which this call took up an earlier run; 0 if it did not.
  int64_t resumed_at = 0;
  double seconds = 0;  ///< Duration of this call's steps and evaluations.
};

/// The paper's toy model: a one-layer GPT-2 with 4 heads, d_model 128, 512 ReLU neurons and a tied
/// unembedding.
ModelConfig toy_config(int64_t vocab, int64_t n_positions);

/// Trains a fresh model and writes into `folder`:
///
///     step_<n>/                   the model after n steps, for each n of `checkpoints`
///     final/                      the model after the last step
///     curve.csv                   step, train_loss, train_accuracy, test_loss, test_accuracy
///     settings.json               model, options, data and seed; written last, when all is done
///     state/training.safetensors  only while unfinished: everything needed to go on
///
/// Models are Hugging Face folders. Called again with the same arguments after a kill or Ctrl-C,
/// training goes on from the last saved state; the weights are then bit-identical to those of an
/// uninterrupted run. Same seed and threads: same bits. Memory: about 15 times one
/// MLP's hidden activations (training rows x d_mlp floats), 200 MB for Experiment 1.
///
/// @param train, test  rows of tokens with their answers, within the config's vocabulary and
///                     positions.
/// @throws Error
///   - (kInput) if an option is out of range, a sequence or token does not fit the model, the saved
///     state is damaged, or `overwrite` is off and the folder holds a finished run or a run with
///     other settings (names them);
///   - (kFailed) if the loss is no longer finite, or a file cannot be written;
///   - (kInterrupted) if stopped between two steps; says what was kept.
TrainResult train(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                  const std::filesystem::path& folder, Seed seed);

/// Trains on from given weights by the same steps, with a fresh optimiser, and writes nothing. Same
/// weights and threads: same bits. Memory as `train`, and four times the weights.
/// @param options  those about files, stopping and progress have no effect: checkpoints,
///                 save_every, overwrite, stop_at_test_accuracy, stop_requested, on_progress.
/// @param goes_on  called with each evaluation: before the first step, every `evaluate_every` steps
///                 and after the last; false ends training.
/// @return the trained model; `start` stays as it is.
/// @throws Error as `train`; (kInterrupted) on Ctrl-C.
Model train_in_memory(const Model& start, const Dataset& train, const Dataset& test, const TrainOptions& options,
                      const std::function<bool(const CurvePoint&)>& goes_on);

/// Makes the checks that `train` makes before its first step, and writes nothing. A finished run of
/// just these arguments passes. @throws Error (kInput) as `train`.
void check_training(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                    const std::filesystem::path& folder, Seed seed);

/// Whether `folder` holds a finished run of `train` with just these arguments.
/// @throws Error (kInput) if the run's settings are damaged.
bool is_trained(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                const std::filesystem::path& folder, Seed seed);

}  // namespace cprobe
