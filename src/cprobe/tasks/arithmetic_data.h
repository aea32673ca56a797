#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/tasks/arithmetic_task.h"

namespace cprobe {

/// Rows of a task in the paper's columns.
struct ArithmeticTable {
  /// "" (row index from 0), data, labels, counterfactual_data, var_0, counter_var_0, ..., CF_Label_0, CF_FN_0, ...
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> train;  ///< Records in the columns' order.
  std::vector<std::vector<std::string>> test;
};

/// All rows, shuffled and split; each row is paired with another random row of its split (never itself), and each row
/// is some row's pair exactly once. Distractors, order and pairs come from streams of `seed` of their own. Memory:
/// about 1 KB a row.
/// @throws Error (kInput) if a formula gives no whole number (names the row's operands), a split has fewer than 2 rows,
///         or there are over 2 million rows.
ArithmeticTable generate(const ArithmeticTask& task, Seed seed);

/// Writes `train.csv` and `test.csv` into `folder`, which is made where needed; each file appears whole or not at all.
/// @throws Error (kFailed) if it cannot.
void write_arithmetic_csv(const ArithmeticTable& table, const std::filesystem::path& folder);

}  // namespace cprobe
