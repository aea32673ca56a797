#include "cprobe/evaluate/nearest_neighbours.h"

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"

namespace cprobe {
namespace {

at::Tensor unit_rows(const at::Tensor& vectors) {
  const at::Tensor norm = vectors.norm(2, {1}, true);
  return vectors / at::where(norm > 0, norm, at::ones_like(norm));
}

}  // namespace

int64_t most_frequent(const at::Tensor& labels) {
  const auto [values, unused, counts] = at::_unique2(labels, true, false, true);
  return values[counts.argmax().item<int64_t>()].item<int64_t>();
}

KnnResult knn(const LabelledVectors& train, const LabelledVectors& test,
              const std::vector<std::vector<int64_t>>& exemplar_draws) {
  const at::Tensor train_unit = unit_rows(train.vectors);
  const at::Tensor test_unit = unit_rows(test.vectors);
  const auto share = [](const at::Tensor& hits, int64_t n) {
    return hits.sum().item<double>() / static_cast<double>(n);
  };
  KnnResult result{.n_test = test.labels.size(0)};
  std::vector<double> dev, on_test;
  for (const std::vector<int64_t>& exemplars : exemplar_draws) {
    const at::Tensor rows = at::tensor(exemplars, at::kLong);
    const at::Tensor exemplar_unit = rows_at(train_unit, rows);
    const at::Tensor classes = train.labels.index_select(0, rows);
    const auto correct = [&](const at::Tensor& unit, const at::Tensor& labels) {
      const at::Tensor nearest = at::mm(unit, exemplar_unit.t()).argmax(1).cpu();  // the largest cosine
      return classes.index_select(0, nearest) == labels;
    };
    const at::Tensor is_dev = at::ones({train.labels.size(0)}, at::kBool).index_fill_(0, rows, false);
    if (dev.empty()) {
      const int64_t mode = most_frequent(classes);
      result.n_dev = is_dev.sum().item<int64_t>();
      result.dev_majority = share((train.labels == mode) & is_dev, result.n_dev);
      result.test_majority = share(test.labels == mode, result.n_test);
    }
    dev.push_back(share(correct(train_unit, train.labels) & is_dev, result.n_dev));
    on_test.push_back(share(correct(test_unit, test.labels), result.n_test));
  }
  result.dev = spread(dev);
  result.test = spread(on_test);
  return result;
}

std::vector<std::vector<int64_t>> rows_by_class(const at::Tensor& labels) {
  const at::Tensor contiguous = labels.contiguous();
  const int64_t* label = contiguous.data_ptr<int64_t>();
  std::map<int64_t, std::vector<int64_t>> rows;
  for (int64_t i = 0; i < labels.size(0); ++i) rows[label[i]].push_back(i);
  std::vector<std::vector<int64_t>> by_class;
  by_class.reserve(rows.size());
  for (auto& [value, members] : rows) by_class.push_back(std::move(members));
  return by_class;
}

void require_decodable(const at::Tensor& labels, std::string_view where) {
  const std::vector<std::vector<int64_t>> by_class = rows_by_class(labels);
  if (by_class.size() < 2) throw input_error("{}: decoding needs at least 2 classes, found {}", where, by_class.size());
  for (const std::vector<int64_t>& members : by_class) {
    if (members.size() > 1) continue;
    throw input_error(
        "{}: class {} has a single training token: one is the exemplar, and at least one must be left to classify",
        where, labels[members.front()].item<int64_t>());
  }
}

}  // namespace cprobe
