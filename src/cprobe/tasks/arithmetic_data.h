#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/tasks/arithmetic_task.h"

namespace cprobe {

/// The rows of a task in the paper's columns, and ours.
struct ArithmeticTable {
  /// "" (row index from 0), data, labels, counterfactual_data, var_0, counter_var_0, ...,
  /// CF_Label_0, CF_FN_0, ..., type_of_var_0, ... (data/types.h)
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> train;  ///< Records; their fields are as `columns`.
  std::vector<std::vector<std::string>> test;
};

/// Makes all rows of a task, shuffles and splits them, and pairs each row with another random row
/// of its split: never with itself, and each row serves exactly once as another's pair.
/// Distractors, order and pairs come from separate streams of `seed`. Memory: about 1 KB a row.
/// @throws Error (kInput) if a formula gives no whole number (names the row's operands), a split
///         has fewer than 2 rows, or there are over 2 million rows.
ArithmeticTable generate(const ArithmeticTask& task, Seed seed);

/// Writes `train.csv` and `test.csv` into `folder`, which is created if missing. Each file appears
/// whole or not at all.
/// @throws Error (kFailed) if a file cannot be written.
void write_arithmetic_csv(const ArithmeticTable& table, const std::filesystem::path& folder);

}  // namespace cprobe
