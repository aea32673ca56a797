#pragma once

#include <filesystem>
#include <vector>

#include "cprobe/tasks/task_data.h"
#include "cprobe/training/trainer.h"

/// One toy model for one or several arithmetic tasks, from their formulas. (Experiment 2 of Lepori
/// et al. 2024 has two.)
namespace cprobe {

/// The paper's toy model, with the largest vocabulary and the longest sequence of the tasks.
ModelConfig toy_config(const std::vector<ArithmeticTask>& tasks);

/// The folder of a task's data: `folder`/data, or `folder`/data/<name> if there are several tasks.
std::filesystem::path task_data_folder(const std::filesystem::path& folder, const std::vector<ArithmeticTask>& tasks,
                                       const ArithmeticTask& task);

/// Generates, splits and writes the data of each task by itself, and joins them. A single task gets
/// the data that `generate` gives for `seed`. Of several tasks, each gets a stream of its own name,
/// so that no two split their rows alike.
/// Parameters and errors as `prepare_task_data`.
/// @throws Error (kInput) also if there is no task, two tasks have one name, or a name cannot be a
///         folder's.
TaskData prepare_training_data(const std::vector<ArithmeticTask>& tasks, const std::filesystem::path& folder, Seed seed,
                               bool overwrite);

/// Trains a model on tasks: makes their data and calls `train`. Parameters, resuming and errors as
/// `prepare_training_data` and `train`.
TrainResult train_tasks(const std::vector<ArithmeticTask>& tasks, const ModelConfig& config,
                        const TrainOptions& options, const std::filesystem::path& folder, Seed seed);

}  // namespace cprobe
