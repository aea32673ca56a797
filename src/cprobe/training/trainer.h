#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "cprobe/core/message.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/model/model.h"

namespace cprobe {

/// How a toy model is trained. Every step is a step of AdamW on all training rows. The loss is the
/// mean cross-entropy, in float64, of the token that should follow each row. The defaults are those
/// of Experiment 1 (Lepori et al. 2024, section 4).
struct TrainOptions {
  int64_t steps = 10'000;       ///< Optimiser steps, each over all rows; >= 1.
  double learning_rate = 1e-3;  ///< AdamW's rate after the warm-up; > 0.
  /// AdamW's decoupled weight decay, >= 0. Applies to all parameters, including biases and norms.
  double weight_decay = 1.0;
  double beta1 = 0.9;          ///< Decay of the first moment, in [0, 1).
  double beta2 = 0.98;         ///< Decay of the second moment, in [0, 1).
  double adam_epsilon = 1e-8;  ///< Added to the root of the second moment; > 0.
  /// Steps in which the rate rises linearly from a third of `learning_rate`. 0: no warm-up.
  int64_t warm_up_steps = 10;
  /// Steps between points of the curve, >= 1. Checkpoints and the last step have points too.
  int64_t evaluate_every = 100;
  /// Steps after which the model is saved, each in [0, steps]. 0 saves the initial model.
  std::vector<int64_t> checkpoints;
  /// Ends training at the first evaluation that reaches this accuracy, in (0, 1].
  std::optional<double> stop_at_test_accuracy = {};
  /// Keeps the model of the best point of the curve as well: the point with the highest test
  /// accuracy, of equal ones the earliest.
  bool keep_best = false;
  /// Steps between saves of the training state and the model, >= 1. A killed run resumes from the
  /// last save.
  int64_t save_every = 500;
  /// Whether a run in the folder that differs in its number of steps goes on to `steps`: a finished
  /// one, and one that was interrupted. False: such a run cannot be resumed.
  bool extend = false;
  /// What to do with a run in the folder that cannot be resumed: true removes the run, false throws
  /// an Error. A run cannot be resumed if the run
  ///   - is finished, unless `extend` lets it go on;
  ///   - has other settings;
  ///   - has done more steps than `steps`;
  ///   - has a damaged saved state.
  bool overwrite = false;
  /// Called before the first step and after every step, with the loss and the latest test accuracy.
  OnProgress on_progress;
  /// Told from which step an earlier run goes on, and where its model is until the end.
  OnMessage on_message;
  /// Called after every step with the number of steps done. Returning true saves the state and
  /// stops training. If the function is empty, Ctrl-C stops training in the same way.
  std::function<bool(int64_t step)> stop_requested;
};

/// One evaluation of the model after `step` optimiser steps.
struct CurvePoint {
  int64_t step = 0;
  double train_loss = 0;      ///< Mean cross-entropy over the training rows, in nats.
  double train_accuracy = 0;  ///< Share of rows whose right token has the largest logit.
  double test_loss = 0;
  double test_accuracy = 0;
};

struct TrainResult {
  Model model;
  std::vector<CurvePoint> curve;   ///< Ascending steps; the last point is that of `model`.
  std::optional<CurvePoint> best;  ///< The point whose model `keep_best` kept; else none.
  /// Steps that an earlier run had done when this call went on with that run. 0: nothing resumed.
  int64_t resumed_at = 0;
  double seconds = 0;  ///< Duration of this call's steps and evaluations.
};

/// The toy model of Lepori et al. 2024: a one-layer GPT-2 with 4 heads, d_model 128, 512 ReLU
/// neurons and a tied unembedding.
ModelConfig toy_config(int64_t vocab, int64_t n_positions);

/// Trains a fresh model and writes into `folder`:
///
///     step_<n>/                   the model after n steps, for each n of `checkpoints`
///     best/                       with `keep_best`: the model of the best point so far
///     latest/                     only while unfinished: the model of the last save
///     final/                      the model after the last step
///     curve.csv                   step, train_loss, train_accuracy, test_loss, test_accuracy
///     settings.json               the run's settings; written last, as the mark of a finished run
///     state/training.safetensors  everything needed to go on
///
/// Models are Hugging Face folders. A run's settings are the model, the options, the data, the seed
/// and the number of threads. The options `save_every`, `extend`, `overwrite` and the callbacks are
/// no settings. On the same machine, runs with the same settings give bit-identical weights. After
/// a kill or Ctrl-C, a call with the same settings resumes from the last saved state. Resuming does
/// not change the weights by a bit.
///
/// A run that was extended has the files of one that had all its steps from the start, bit for bit.
/// (A checkpoint at its former last step may be added.) `final` keeps its former model, and the
/// folder counts as unfinished, until the added steps are done.
///
/// Memory: about 15 times the hidden activations of one MLP (training rows x d_mlp floats), which
/// is 200 MB for Experiment 1.
///
/// @param train, test  rows of tokens with their answers, within the config's vocabulary and
///                     positions.
/// @throws Error
///   - (kInput) if an option is out of range;
///   - (kInput) if a sequence or token does not fit the model;
///   - (kInput) if `overwrite` is off and the folder holds a run that cannot be resumed. The
///     message names the settings that differ, if any do. Nothing is changed then;
///   - (kFailed) if the loss is no longer finite;
///   - (kFailed) if a file cannot be written;
///   - (kInterrupted) if training was stopped between two steps. The message says where the state
///     and the model were saved.
TrainResult train(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                  const std::filesystem::path& folder, Seed seed);

/// Trains a copy of `start` by the steps of `train`, with a fresh optimiser, and writes no files.
/// The same weights, data, options and number of threads give the same bits. Memory: as `train`,
/// plus four times the weights.
/// @param options  These have no effect: checkpoints, save_every, overwrite, stop_at_test_accuracy,
///                 keep_best, extend, stop_requested, on_progress, on_message.
/// @param goes_on  called with each evaluation: before the first step, every `evaluate_every` steps
///                 and after the last step. Returning false ends training.
/// @return the trained model.
/// @throws Error
///   - (kInput) if an option is out of range;
///   - (kInput) if a sequence or token does not fit the model;
///   - (kFailed) if the loss is no longer finite;
///   - (kInterrupted) on Ctrl-C.
Model train_in_memory(const Model& start, const Dataset& train, const Dataset& test, const TrainOptions& options,
                      const std::function<bool(const CurvePoint&)>& goes_on);

/// Checks whether `train` would accept the options and the folder, and writes nothing. A finished
/// run with the same settings passes. Does not check that the data fit the model.
/// @throws Error
///   - (kInput) if an option is out of range;
///   - (kInput) if `overwrite` is off and the folder holds a run with other settings or
///     damaged files.
void check_training(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                    const std::filesystem::path& folder, Seed seed);

/// Whether `folder` holds a finished run of `train` with the same settings, including the number of
/// threads.
/// @throws Error (kInput) if the folder's settings.json is damaged.
bool is_trained(const ModelConfig& config, const Dataset& train, const Dataset& test, const TrainOptions& options,
                const std::filesystem::path& folder, Seed seed);

}  // namespace cprobe
