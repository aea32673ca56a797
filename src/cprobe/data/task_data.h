#pragma once

#include <filesystem>

#include "cprobe/data/arithmetic.h"

namespace cprobe {

/// The two splits of a task.
struct TaskData {
  Dataset train;
  Dataset test;
};

/// Generates a task's data, writes `train.csv` and `test.csv` into `folder` and loads them. Files that are there already
/// and hold this data are left as they are.
/// @param overwrite replaces files that hold something else.
/// @throws Error (kInput) as `generate`, or if a file holds something else and `overwrite` is off; (kFailed) if it
///         cannot write.
TaskData prepare_task_data(const ArithmeticTask& task, const std::filesystem::path& folder, Seed seed, bool overwrite);

}  // namespace cprobe
