#pragma once

#include <filesystem>
#include <vector>

#include "cprobe/tasks/task_data.h"
#include "cprobe/training/trainer.h"

/// One toy model for one or several arithmetic tasks (Experiment 2 of Lepori et al. 2024 has two), from their formulas.
namespace cprobe {

/// The paper's toy model: the largest vocabulary and the longest sequence of the tasks.
ModelConfig toy_config(const std::vector<ArithmeticTask>& tasks);

/// Where the data of one of the tasks are: `folder`/data, or `folder`/data/<its name> where there are several.
std::filesystem::path task_data_folder(const std::filesystem::path& folder, const std::vector<ArithmeticTask>& tasks,
                                       const ArithmeticTask& task);

/// Generates, splits and writes the data of each task by itself, and joins them. A single task has the data that
/// `generate` gives for `seed`; with several, each has a stream of its name, so that no two split their rows alike.
/// Parameters and errors as `prepare_task_data`. @throws Error (kInput) also if there is no task, two have one name, or a
/// name is no name of a folder.
TaskData prepare_training_data(const std::vector<ArithmeticTask>& tasks, const std::filesystem::path& folder, Seed seed,
                               bool overwrite);

/// Tasks to a trained model: their data, and what `train` writes in `folder`. Parameters, resuming and errors as
/// `prepare_training_data` and `train`.
TrainResult train_tasks(const std::vector<ArithmeticTask>& tasks, const ModelConfig& config,
                        const TrainOptions& options, const std::filesystem::path& folder, Seed seed);

}  // namespace cprobe
