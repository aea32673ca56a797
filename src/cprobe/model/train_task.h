#pragma once

#include <filesystem>

#include "cprobe/data/arithmetic.h"
#include "cprobe/model/trainer.h"

namespace cprobe {

/// The paper's toy model for a task: its vocabulary and sequence length.
ModelConfig toy_config(const ArithmeticTask& task);

/// A task from its formulas to a trained model: data in `folder`/data, and what `train` writes in `folder`.
/// Parameters, resuming and errors as `prepare_task_data` and `train`.
TrainResult train_task(const ArithmeticTask& task, const ModelConfig& config, const TrainOptions& options,
                       const std::filesystem::path& folder, Seed seed);

}  // namespace cprobe
