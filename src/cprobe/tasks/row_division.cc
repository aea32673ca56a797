#include "cprobe/tasks/row_division.h"

#include <algorithm>
#include <array>
#include <map>

#include "cprobe/core/error.h"
#include "cprobe/core/replay.h"
#include "cprobe/core/text.h"

namespace cprobe {
namespace {

/// Two thirds and one third of some rows, divided at random within each class of a variable, in the
/// file's order.
std::vector<at::Tensor> two_to_one(const at::Tensor& rows, const at::Tensor& classes, uint64_t seed) {
  std::vector<at::Tensor> train, test;
  const at::Tensor of_rows = classes.index_select(0, rows);
  const at::Tensor values = std::get<0>(at::_unique(of_rows, true));
  for (int64_t i = 0; i < values.size(0); ++i) {
    const at::Tensor of_class = rows.index_select(0, of_rows.eq(values[i]).nonzero().squeeze(1));
    const int64_t n = of_class.size(0), n_test = n / 3;
    const std::vector<at::Tensor> parts = torch_random_split({n - n_test, n_test}, seed);
    train.push_back(of_class.index_select(0, parts[0]));
    test.push_back(of_class.index_select(0, parts[1]));
  }
  const auto in_order = [](const std::vector<at::Tensor>& parts) { return std::get<0>(at::cat(parts).sort()); };
  return {in_order(train), in_order(test)};
}

/// The class of each row of a file that divisions balance: of the first variable.
at::Tensor balanced_classes(const SentenceFile& sentences, const LanguageTask& task) {
  const auto classes = sentences.variables.find(task.variables.empty() ? task.name : task.variables.front());
  if (classes == sentences.variables.end()) return at::zeros({std::ssize(sentences.rows)}, at::kLong);
  return at::tensor(classes->second, at::kLong);
}

/// Divides rows as their column `split` says.
RowDivision by_named_parts(const SentenceFile& sentences, const at::Tensor& rows, const LanguageTask& task,
                           std::vector<std::string>& notes) {
  std::map<std::string, std::vector<int64_t>> parts = {{"train", {}}, {"test", {}}, {"gen", {}}};
  constexpr std::array kUnused = {"dev", "val", "valid", "validation"};
  int64_t n_unused = 0;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const auto row = rows[i].item<int64_t>();
    const std::string& field = sentences.parts[static_cast<size_t>(row)];
    const std::string part = lowercase(trimmed(field));
    if (const auto found = parts.find(part); found != parts.end()) {
      found->second.push_back(row);
    } else if (std::ranges::find(kUnused, part) != kUnused.end()) {
      ++n_unused;
    } else {
      throw input_error("{}:{}: column '{}': expected 'train', 'test' or 'gen', found '{}'", sentences.source,
                        sentences.lines[static_cast<size_t>(row)], task.split_column, field);
    }
  }
  if (n_unused > 0) {
    notes.push_back(fmt::format("{}: {} rows for validation are left out, as nothing is tuned on them (column '{}')",
                                sentences.source, n_unused, task.split_column));
  }
  const auto tensor = [&](const char* part) { return at::tensor(parts.at(part), at::kLong); };
  return {.train = tensor("train"), .test = tensor("test"), .gen = tensor("gen")};
}

/// Divides the values of the column `split_by`: about a third of each class's rows are to test.
RowDivision by_values(const SentenceFile& sentences, const at::Tensor& rows, const at::Tensor& classes,
                      const LanguageTask& task, const std::string& group, std::vector<std::string>& notes) {
  struct Value {
    std::vector<int64_t> rows;
    std::map<int64_t, int64_t> rows_of_class;
  };
  std::map<std::string, Value> values;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const auto row = rows[i].item<int64_t>();
    Value& value = values[sentences.parts[static_cast<size_t>(row)]];
    value.rows.push_back(row);
    ++value.rows_of_class[classes[row].item<int64_t>()];
  }
  std::map<int64_t, std::vector<const Value*>> of_class;  // by the class of most of a value's rows
  for (const auto& [name, value] : values) {
    const auto most = std::ranges::max_element(value.rows_of_class, {}, [](const auto& entry) { return entry.second; });
    of_class[most->first].push_back(&value);
  }
  std::vector<int64_t> train, test;
  int64_t n_test_values = 0;
  for (const auto& [label, members] : of_class) {
    const auto n = std::ssize(members);
    int64_t n_rows = 0, n_taken = 0;
    for (const Value* value : members) n_rows += std::ssize(value->rows);
    const at::Tensor order = torch_random_split({n}, task.split_seed)[0];
    for (int64_t i = 0; i < n; ++i) {
      const Value& value = *members[static_cast<size_t>(order[i].item<int64_t>())];
      // The last value of a class is to train on, so that no class is to test alone.
      const bool is_test = i + 1 < n && 3 * n_taken < n_rows;
      n_taken += is_test ? std::ssize(value.rows) : 0;
      n_test_values += is_test ? 1 : 0;
      std::vector<int64_t>& part = is_test ? test : train;
      part.insert(part.end(), value.rows.begin(), value.rows.end());
    }
  }
  std::ranges::sort(train);
  std::ranges::sort(test);
  notes.push_back(fmt::format("{}{} values of '{}' to train on ({} rows) and {} others to test ({} rows)",
                              group.empty() ? "" : group + ": ", std::ssize(values) - n_test_values, task.split_by,
                              train.size(), n_test_values, test.size()));
  return {.train = at::tensor(train, at::kLong), .test = at::tensor(test, at::kLong)};
}

void require_rows(const at::Tensor& rows, const char* part, const SentenceFile& sentences, const LanguageTask& task,
                  const std::string& group) {
  if (rows.size(0) > 0) return;
  throw input_error("{}: {}no rows to {} (column '{}')", sentences.source, group.empty() ? "" : group + ": ", part,
                    task.split_by.empty() ? task.split_column : task.split_by);
}

}  // namespace

std::vector<at::Tensor> split_rows(const SentenceFile& sentences, const at::Tensor& rows, std::vector<int64_t> lengths,
                                   const std::string& group, uint64_t seed) {
  int64_t n_wanted = 0;
  for (const int64_t length : lengths) n_wanted += length;
  if (rows.size(0) < n_wanted) {
    throw input_error("{}: {}{} rows are to be taken ({}), but there are only {}", sentences.source,
                      group.empty() ? "" : group + ": ", n_wanted, fmt::join(lengths, " + "), rows.size(0));
  }
  lengths.push_back(rows.size(0) - n_wanted);
  std::vector<at::Tensor> parts = torch_random_split(lengths, seed);
  for (at::Tensor& part : parts) part = rows.index_select(0, part);
  return parts;
}

at::Tensor some_rows(const SentenceFile& sentences, const at::Tensor& rows, std::optional<int64_t> n,
                     const std::string& group, uint64_t seed) {
  return n ? split_rows(sentences, rows, {*n}, group, seed)[0] : rows;
}

RowDivision divide_rows(const SentenceFile& sentences, const at::Tensor& rows, const LanguageTask& task,
                        const std::string& group, std::vector<std::string>& notes) {
  const auto sized = [&](const at::Tensor& part, std::optional<int64_t> n_wanted) {
    return some_rows(sentences, part, n_wanted, group, task.split_seed);
  };
  if (!task.test.empty()) return {.train = sized(rows, task.train_rows)};
  if (!task.split_column.empty() || !task.split_by.empty()) {
    RowDivision division = task.split_by.empty()
                               ? by_named_parts(sentences, rows, task, notes)
                               : by_values(sentences, rows, balanced_classes(sentences, task), task, group, notes);
    require_rows(division.train, "train", sentences, task, group);
    require_rows(division.test, "test", sentences, task, group);
    division.train = sized(division.train, task.train_rows);
    division.test = sized(division.test, task.test_rows);
    return division;
  }
  const int64_t n = rows.size(0);
  if (!task.train_rows && !task.test_rows && n < kTrainRows + kTestRows) {
    const at::Tensor classes = balanced_classes(sentences, task);
    std::vector<at::Tensor> parts = two_to_one(rows, classes, task.split_seed);
    // Classes of one or two rows leave nothing to test.
    if (parts[1].size(0) == 0) parts = two_to_one(rows, at::zeros_like(classes), task.split_seed);
    if (parts[1].size(0) > 0) {
      notes.push_back(
          fmt::format("{}{} rows, fewer than {} and {}: {} to train on and {} to test, drawn within each "
                      "class (task.train_rows and test_rows)",
                      group.empty() ? "" : group + ": ", n, kTrainRows, kTestRows, parts[0].size(0), parts[1].size(0)));
      return {.train = parts[0], .test = parts[1]};
    }
  }
  const int64_t n_train =
      task.train_rows.value_or(std::clamp<int64_t>(n - task.test_rows.value_or(kTestRows), 1, kTrainRows));
  const int64_t n_test = task.test_rows.value_or(std::clamp<int64_t>(n - n_train, 1, kTestRows));
  const std::vector<at::Tensor> parts = split_rows(sentences, rows, {n_train, n_test}, group, task.split_seed);
  return {.train = parts[0], .test = parts[1]};
}

}  // namespace cprobe
