#include "cprobe/tasks/arithmetic_data.h"

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/data/types.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"
#include "cprobe/tasks/task_evaluator.h"

namespace cprobe {
namespace {

constexpr int64_t kMostRows = 2'000'000;

using Record = std::vector<std::string>;
using Values = std::vector<int64_t>;

Values to_values(const at::Tensor& tensor) {
  const int64_t* data = tensor.data_ptr<int64_t>();
  return {data, data + tensor.numel()};
}

Values permutation(int64_t n, Seed seed) {
  return to_values(at::randperm(n, seed.generator(), at::kLong));
}

int64_t count_rows(const ArithmeticTask& task) {
  int64_t n = 1;
  for (const Symbol& symbol : task.symbols) {
    if (symbol.kind != SymbolKind::kOperand) continue;
    if (n > kMostRows / task.modulus) {
      throw input_error("task {}: all combinations of the operands make over {} rows; choose a smaller modulus",
                        task.name, kMostRows);
    }
    n *= task.modulus;
  }
  return n;
}

/// The value of every symbol in each row, one list per symbol. Rows count the operands up, the last
/// operand fastest.
std::vector<Values> symbol_values(const ArithmeticTask& task, int64_t n_rows, Seed seed) {
  std::vector<Values> values(task.symbols.size());
  int64_t period = n_rows;
  for (size_t s = 0; s < values.size(); ++s) {
    const Symbol& symbol = task.symbols[s];
    if (symbol.kind == SymbolKind::kOperand) {
      period /= task.modulus;
      for (int64_t row = 0; row < n_rows; ++row) values[s].push_back(row / period % task.modulus);
    } else if (symbol.kind == SymbolKind::kUniform) {
      at::Generator draws = seed.derive("distractor/" + symbol.name).generator();
      values[s] = to_values(at::randint(task.modulus, {n_rows}, draws, at::kLong));
    }
  }
  for (size_t s = 0; s < values.size(); ++s) {
    const Symbol& symbol = task.symbols[s];
    if (symbol.kind != SymbolKind::kBijection) continue;
    const Values image = permutation(task.modulus, seed.derive("distractor/" + symbol.name));
    for (size_t o = 0; o < values.size(); ++o) {
      if (task.symbols[o].name == symbol.of && task.symbols[o].kind == SymbolKind::kOperand) {
        for (const int64_t operand : values[o]) values[s].push_back(image[static_cast<size_t>(operand)]);
      }
    }
    if (values[s].empty()) {
      throw input_error("task {}: distractor '{}' follows '{}', which is no operand", task.name, symbol.name,
                        symbol.of);
    }
  }
  return values;
}

/// @param positions  of the tokens on which each variable depends.
std::vector<std::string> column_names(const ArithmeticTask& task, const std::vector<Values>& positions) {
  std::vector<std::string> columns = {"", "data", "labels", "counterfactual_data"};
  for (const std::string& name : variable_names(task)) {
    columns.push_back(name);
    columns.push_back(std::string(kSourcePrefix) + name);
  }
  for (size_t k = 0; k < task.counterfactuals.size(); ++k) {
    columns.push_back(fmt::format("CF_Label_{}", k));
    columns.push_back(fmt::format("CF_FN_{}", k));
  }
  const std::vector<std::string> names = variable_names(task);
  for (size_t v = 0; v < names.size(); ++v) {
    if (!positions[v].empty()) columns.push_back(std::string(kTypeColumnPrefix) + names[v]);
  }
  return columns;
}

/// @param types  fields of the columns on types.
Record make_record(const ArithmeticTask& task, const TaskEvaluator& evaluator, const Record& types, size_t index,
                   const RowValues& row, const RowValues& paired) {
  Record record = {std::to_string(index), fmt::format("{}", fmt::join(row.tokens, " ")), std::to_string(row.answer),
                   fmt::format("{}", fmt::join(paired.tokens, " "))};
  for (size_t v = 0; v < row.variables.size(); ++v) {
    record.push_back(std::to_string(row.variables[v]));
    record.push_back(std::to_string(paired.variables[v]));
  }
  const Values labels = evaluator.counterfactual_labels(row, paired);
  for (size_t k = 0; k < labels.size(); ++k) {
    record.push_back(std::to_string(labels[k]));
    record.push_back(task.counterfactuals[k]);
  }
  record.insert(record.end(), types.begin(), types.end());
  return record;
}

/// Records of one split. A random cycle through all rows pairs each row with the next, so that no
/// row is paired with itself.
std::vector<Record> make_split(const ArithmeticTask& task, const TaskEvaluator& evaluator,
                               std::span<const RowValues> rows, const char* split, Seed seed) {
  if (rows.size() < 2) {
    throw input_error("task {}: the {} split has {} rows; pairs need at least 2 (train_fraction is {})", task.name,
                      split, rows.size(), task.train_fraction);
  }
  const Values cycle = permutation(static_cast<int64_t>(rows.size()), seed.derive(std::string("pairs/") + split));
  std::vector<size_t> paired(rows.size());
  for (size_t i = 0; i < cycle.size(); ++i) {
    paired[static_cast<size_t>(cycle[i])] = static_cast<size_t>(cycle[(i + 1) % cycle.size()]);
  }
  Record types;
  for (const Values& positions : evaluator.type_positions()) {
    if (!positions.empty()) types.push_back(fmt::format("{}", fmt::join(positions, " ")));
  }
  std::vector<Record> records;
  for (size_t i = 0; i < rows.size(); ++i) {
    records.push_back(make_record(task, evaluator, types, i, rows[i], rows[paired[i]]));
  }
  return records;
}

}  // namespace

ArithmeticTable generate(const ArithmeticTask& task, Seed seed) {
  TaskEvaluator evaluator(task);
  const int64_t n_rows = count_rows(task);
  const std::vector<Values> values = symbol_values(task, n_rows, seed);

  std::vector<RowValues> rows;
  rows.reserve(static_cast<size_t>(n_rows));
  Values symbols(values.size());
  for (const int64_t row : permutation(n_rows, seed.derive("rows"))) {
    for (size_t s = 0; s < symbols.size(); ++s) symbols[s] = values[s][static_cast<size_t>(row)];
    rows.push_back(evaluator.evaluate(symbols));
  }

  // The tolerance makes 29 of .29 * 100, which in binary is a little below 29.
  const auto n_train = static_cast<size_t>(std::floor(task.train_fraction * static_cast<double>(n_rows) + 1e-6));
  const std::span<const RowValues> all(rows);
  ArithmeticTable table;
  table.columns = column_names(task, evaluator.type_positions());
  table.train = make_split(task, evaluator, all.first(std::min(n_train, rows.size())), "train", seed);
  table.test = make_split(task, evaluator, all.subspan(std::min(n_train, rows.size())), "test", seed);
  return table;
}

void write_arithmetic_csv(const ArithmeticTable& table, const std::filesystem::path& folder) {
  write_file(folder / "train.csv", csv_text(table.columns, table.train));
  write_file(folder / "test.csv", csv_text(table.columns, table.test));
}

}  // namespace cprobe
