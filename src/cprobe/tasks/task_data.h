#pragma once

#include <filesystem>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/tasks/lexicon.h"

namespace cprobe {

/// The two splits of a task.
struct TaskData {
  Dataset train;
  Dataset test;
};

/// Generates a task's data, writes `train.csv` and `test.csv` into `folder` and loads them. Files
/// that hold these data already are left as they are. Writes the columns' formulas beside them
/// (column_formulas.h).
/// @param overwrite  whether to replace files that hold anything else.
/// @throws Error (kInput) as `generate`, or if a file holds anything else and `overwrite` is off;
///         (kFailed) if a file cannot be written.
TaskData prepare_task_data(const ArithmeticTask& task, const std::filesystem::path& folder, Seed seed, bool overwrite);

/// Generates the sentences of a language task, as many as the paper has or the lexicon gives, and
/// writes `<task>.csv` into `folder` and, if the lexicon has gen templates, `<task>_gen.csv`. Files
/// that hold these sentences already are left as they are.
/// @param overwrite  whether to replace files that hold anything else.
/// @return the files.
/// @throws Error (kInput) as `generate_sentences`, or if a file holds anything else and `overwrite`
///         is off; (kFailed) if a file cannot be written.
std::vector<std::filesystem::path> prepare_sentences(const Lexicon& lexicon, PaperTask task,
                                                     const std::filesystem::path& folder, Seed seed, bool overwrite);

}  // namespace cprobe
