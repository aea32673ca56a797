#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/training/trainer.h"

namespace cprobe {

/// What a run consists of, by name, as text: two runs with equal settings have equal results.
using TrainSettings = std::map<std::string, std::string>;

/// Model, options, data (by their hash), seed and threads of a run.
TrainSettings train_settings(const ModelConfig& config, const Dataset& train, const Dataset& test,
                             const TrainOptions& options, Seed seed);

/// A difference of settings in words, one line each: "learning_rate: 0.001 there, 0.01 now"; empty if there is none.
std::string describe_difference(const TrainSettings& there, const TrainSettings& now);

/// Everything that training needs to go on after a step as if it had never stopped.
struct TrainingState {
  int64_t step = 0;                           ///< Optimiser steps done.
  std::map<std::string, at::Tensor> weights;  ///< By canonical name, float32 contiguous.
  /// AdamW's running means of each weight's gradient and squared gradient; empty before the first step.
  std::map<std::string, at::Tensor> moment_1, moment_2;
  std::vector<CurvePoint> curve;  ///< Of evaluations before `step`.
};

/// Writes one safetensors file in one step, with the settings and a checksum as metadata. @throws Error (kFailed).
void save_training_state(const TrainingState& state, const TrainSettings& settings, const std::filesystem::path& path);

/// @param settings those of the run that wants to go on. @param config its model.
/// @throws Error (kInput) if the file is damaged, or was written under other settings (names them).
TrainingState load_training_state(const std::filesystem::path& path, const TrainSettings& settings,
                                  const ModelConfig& config);

/// Settings as a JSON object, and back. @throws Error (kInput) if `path` does not hold one.
std::string settings_json(const TrainSettings& settings);
TrainSettings read_settings(const std::filesystem::path& path);

}  // namespace cprobe
