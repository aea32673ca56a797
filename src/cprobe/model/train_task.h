#pragma once

#include <filesystem>

#include "cprobe/data/arithmetic.h"
#include "cprobe/model/trainer.h"

namespace cprobe {

/// The two splits of a task.
struct TaskData {
  Dataset train;
  Dataset test;
};

/// Generates a task's data, writes `train.csv` and `test.csv` into `folder` and loads them. Files that are there
/// already are kept if they hold exactly this data.
/// @param overwrite replaces files that hold something else.
/// @throws Error (kInput) as `generate`, or if a file holds something else and `overwrite` is off; (kFailed) if it
/// cannot write.
TaskData prepare_task_data(const ArithmeticTask& task, const std::filesystem::path& folder, Seed seed, bool overwrite);

/// The paper's toy model for a task: its vocabulary and sequence length.
ModelConfig toy_config(const ArithmeticTask& task);

/// A task from its formulas to a trained model: data in `folder`/data, and what `train` writes in `folder`.
/// Parameters, resuming and errors as `prepare_task_data` and `train`.
TrainResult train_task(const ArithmeticTask& task, const ModelConfig& config, const TrainOptions& options,
                       const std::filesystem::path& folder, Seed seed);

}  // namespace cprobe
