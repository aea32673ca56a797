#include "cprobe/tasks/row_division.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/replay.h"

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

std::vector<at::Tensor> divide_rows(const SentenceFile& sentences, const at::Tensor& rows, const LanguageTask& task,
                                    const std::string& group, std::vector<std::string>& notes) {
  const int64_t n = rows.size(0);
  if (!task.train_rows && !task.test_rows && n < kTrainRows + kTestRows) {
    const auto classes = sentences.variables.find(task.variables.empty() ? task.name : task.variables.front());
    const at::Tensor values = classes == sentences.variables.end()
                                  ? at::zeros({static_cast<int64_t>(sentences.rows.size())}, at::kLong)
                                  : at::tensor(classes->second, at::kLong);
    std::vector<at::Tensor> parts = two_to_one(rows, values, task.split_seed);
    if (parts[1].size(0) > 0) {
      notes.push_back(
          fmt::format("{}{} rows, fewer than {} and {}: {} to train on and {} to test, drawn within each "
                      "class (task.train_rows and test_rows)",
                      group.empty() ? "" : group + ": ", n, kTrainRows, kTestRows, parts[0].size(0), parts[1].size(0)));
      return parts;
    }
  }
  const int64_t n_train =
      task.train_rows.value_or(std::clamp<int64_t>(n - task.test_rows.value_or(kTestRows), 1, kTrainRows));
  const int64_t n_test = task.test_rows.value_or(std::clamp<int64_t>(n - n_train, 1, kTestRows));
  return split_rows(sentences, rows, {n_train, n_test}, group, task.split_seed);
}

}  // namespace cprobe
