#include "cprobe/training/train_tasks.h"

#include <algorithm>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/data/joined_data.h"

namespace cprobe {
namespace {

/// Requires names that can be names of different folders, if there are several tasks.
void require_folder_names(const std::vector<ArithmeticTask>& tasks) {
  if (tasks.empty()) throw input_error("there is no task to train on");
  if (tasks.size() == 1) return;
  std::set<std::string> names;
  for (const ArithmeticTask& task : tasks) {
    const std::filesystem::path name(task.name);
    if (name.empty() || name != name.filename() || name == "." || name == "..") {
      throw input_error("task '{}': its data cannot go to a folder of this name; choose another name", task.name);
    }
    if (!names.insert(task.name).second) {
      throw input_error("two tasks are called '{}'; a model that learns both needs different names", task.name);
    }
  }
}

}  // namespace

ModelConfig toy_config(const std::vector<ArithmeticTask>& tasks) {
  int64_t vocab = 0;
  size_t n_positions = 0;
  for (const ArithmeticTask& task : tasks) {
    vocab = std::max(vocab, vocabulary(task));
    n_positions = std::max(n_positions, task.tokens.size());
  }
  return toy_config(vocab, static_cast<int64_t>(n_positions));
}

std::filesystem::path task_data_folder(const std::filesystem::path& folder, const std::vector<ArithmeticTask>& tasks,
                                       const ArithmeticTask& task) {
  return tasks.size() == 1 ? folder / "data" : folder / "data" / task.name;
}

TaskData prepare_training_data(const std::vector<ArithmeticTask>& tasks, const std::filesystem::path& folder, Seed seed,
                               bool overwrite) {
  require_folder_names(tasks);
  std::vector<Dataset> train, test;
  for (const ArithmeticTask& task : tasks) {
    const Seed own = tasks.size() == 1 ? seed : seed.derive("task/" + task.name);
    TaskData data = prepare_task_data(task, task_data_folder(folder, tasks, task), own, overwrite);
    train.push_back(std::move(data.train));
    test.push_back(std::move(data.test));
  }
  if (tasks.size() == 1) return {std::move(train.front()), std::move(test.front())};
  return {joined(train), joined(test)};
}

TrainResult train_tasks(const std::vector<ArithmeticTask>& tasks, const ModelConfig& config,
                        const TrainOptions& options, const std::filesystem::path& folder, Seed seed) {
  const TaskData data = prepare_training_data(tasks, folder, seed, options.overwrite);
  return train(config, data.train, data.test, options, folder, seed);
}

}  // namespace cprobe
