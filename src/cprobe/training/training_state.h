#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cprobe/training/trainer.h"

namespace cprobe {

/// The settings of a run, by name, as text. Two runs with equal settings have equal results.
using TrainSettings = std::map<std::string, std::string>;

/// The settings of a run: model, options, data (as a hash), seed and threads.
TrainSettings train_settings(const ModelConfig& config, const Dataset& train, const Dataset& test,
                             const TrainOptions& options, Seed seed);

/// The differences of two runs' settings in words, a line each:
/// "learning_rate: 0.001 there, 0.01 now"; empty if there are none.
std::string describe_difference(const TrainSettings& there, const TrainSettings& now);

/// The settings that decide the first `step` steps of a run: all but the number of steps, and of
/// the checkpoints those before `step`. No other setting looks ahead: the learning rate is constant
/// after its warm-up.
TrainSettings settings_until(TrainSettings settings, int64_t step);

/// Everything that training needs to go on after a step as if it had never stopped.
struct TrainingState {
  int64_t step = 0;                           ///< Optimiser steps done.
  std::map<std::string, at::Tensor> weights;  ///< By canonical name, float32 contiguous.
  /// AdamW's running means of each weight's gradient and squared gradient; empty before the first
  /// step.
  std::map<std::string, at::Tensor> moment_1, moment_2;
  std::vector<CurvePoint> curve;  ///< Evaluations before `step`.
  /// Weights at the best point of `curve`; empty unless the run keeps the best model.
  std::map<std::string, at::Tensor> best_weights;
};

/// Writes one safetensors file in one step, with the settings and a checksum as metadata.
/// @throws Error (kFailed) if the file cannot be written.
void save_training_state(const TrainingState& state, const TrainSettings& settings, const std::filesystem::path& path);

/// @param check   called with the settings and the step of the saved state before its weights are
///                read. Throws if the run cannot go on from there.
/// @param config  the run's model.
/// @throws Error (kInput) if the file is damaged; what `check` throws.
TrainingState load_training_state(const std::filesystem::path& path, const ModelConfig& config,
                                  const std::function<void(const TrainSettings& there, int64_t step)>& check);

/// Writes settings as a JSON object, and reads them back.
/// @throws Error (kInput) if `path` does not hold such an object.
std::string settings_json(const TrainSettings& settings);
TrainSettings read_settings(const std::filesystem::path& path);

}  // namespace cprobe
