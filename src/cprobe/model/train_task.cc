#include "cprobe/model/train_task.h"

#include "cprobe/data/task_data.h"

namespace cprobe {

ModelConfig toy_config(const ArithmeticTask& task) {
  return toy_config(vocabulary(task), static_cast<int64_t>(task.tokens.size()));
}

TrainResult train_task(const ArithmeticTask& task, const ModelConfig& config, const TrainOptions& options,
                       const std::filesystem::path& folder, Seed seed) {
  const TaskData data = prepare_task_data(task, folder / "data", seed, options.overwrite);
  return train(config, data.train, data.test, options, folder, seed);
}

}  // namespace cprobe
