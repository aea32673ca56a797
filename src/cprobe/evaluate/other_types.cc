#include "cprobe/evaluate/other_types.h"

#include <cmath>
#include <limits>

#include "cprobe/core/rows.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

at::Tensor cosine_rows(const at::Tensor& vectors) {
  const at::Tensor norm = vectors.norm(2, {1}, true);
  return vectors / at::where(norm > 0, norm, at::ones_like(norm));
}

/// The weight of each type in a mean over the types of a value, then over values: [n_types]
/// float64, 0 where the figure is NaN.
at::Tensor weights_of(const at::Tensor& figure, const at::Tensor& value) {
  const at::Tensor is_measured = figure.isnan().logical_not();
  const auto [values, of_type, unused] = at::_unique2(value, true, true);
  const at::Tensor n_of_value =
      at::zeros({values.size(0)}, at::kDouble).index_add_(0, of_type, is_measured.to(at::kDouble));
  const double n_values = std::max(1.0, n_of_value.gt(0).sum().item<double>());
  const at::Tensor of_value = 1 / (n_of_value.clamp_min(1) * n_values);
  return at::where(is_measured, of_value.index_select(0, of_type), 0.0);
}

}  // namespace

std::optional<double> AccuracyByType::mean() const {
  const at::Tensor weights = weights_of(accuracy, value);
  if (weights.sum().item<double>() == 0) return std::nullopt;
  return (weights * at::nan_to_num(accuracy)).sum().item<double>();
}

double AccuracyByType::standard_error() const {
  const at::Tensor weights = weights_of(accuracy, value);
  const auto n = weights.gt(0).sum().item<double>();
  if (n < 2) return 0;
  const at::Tensor deviation = at::nan_to_num(accuracy) - mean().value_or(0);
  return std::sqrt((weights * deviation).square().sum().item<double>() * n / (n - 1));
}

AccuracyByType accuracy_by_type(const at::Tensor& right, const at::Tensor& types, const at::Tensor& values) {
  const auto sum = [&](const at::Tensor& rows) {
    return at::zeros({values.size(0)}, at::kDouble).index_add_(0, types, rows.to(at::kDouble));
  };
  const at::Tensor hits = sum(right), counts = sum(at::ones_like(right));
  return {values, at::where(counts > 0, hits / counts, kNaN), counts.to(at::kLong)};
}

std::vector<TypeMean> type_means(const AccuracyByType& accuracy, const at::Tensor& minus, const Types& types) {
  const at::Tensor weights = weights_of(accuracy.accuracy, accuracy.value);
  const at::Tensor difference = accuracy.accuracy - minus;
  std::vector<TypeMean> means;
  for (int64_t type = 0; type < types.n_types(); ++type) {
    const auto weight = weights[type].item<double>();
    const auto mean = difference[type].item<double>();
    if (weight == 0 || std::isnan(mean)) continue;
    const auto share = accuracy.accuracy[type].item<double>();
    const auto n = accuracy.n_rows[type].item<int64_t>();
    means.push_back(
        {.mean = mean,
         .weight = weight,
         .tokens = shared_tokens(types, type),
         .n_rows = n,
         .row_sd = n > 1 ? std::sqrt(share * (1 - share) * static_cast<double>(n) / static_cast<double>(n - 1)) : 0});
  }
  return means;
}

bool judge_each_other(const AccuracyByType& accuracy) {
  const at::Tensor values = accuracy.value.masked_select(accuracy.accuracy.isnan().logical_not());
  return values.numel() < 3 * std::get<0>(at::_unique2(values)).numel();
}

AccuracyByType accuracy_on_other_types(const TypedVectors& train, const TypedVectors& test, const at::Tensor& values,
                                       const std::vector<std::vector<int64_t>>& exemplar_draws) {
  const at::NoGradGuard no_gradients;
  const auto vector_of = [](const TypedVectors& rows, const at::Tensor& which) {
    return rows.place.defined() ? rows.place.index_select(0, which) : which;
  };
  // The distinct exemplars of all draws, and the place of each draw's exemplars among them.
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& draw : exemplar_draws) all.insert(all.end(), draw.begin(), draw.end());
  const at::Tensor rows = at::tensor(all, at::kLong);
  const DistinctNodes exemplars = distinct(vector_of(train, rows));
  const at::Tensor exemplar_unit = cosine_rows(rows_at(train.vectors, exemplars.nodes));
  const auto n_draws = std::ssize(exemplar_draws);
  const at::Tensor place = exemplars.place.view({n_draws, -1});
  const at::Tensor classes = train.labels.index_select(0, rows.view({n_draws, -1}).select(0, 0));
  const at::Tensor exemplar_types = train.types.index_select(0, rows).view({n_draws, -1});
  // The class of each test row, as a number of `classes`; n_classes if training has no such class.
  const int64_t n_classes = classes.size(0), n_types = values.size(0);
  const at::Tensor lower = at::searchsorted(classes, test.labels).clamp_max(n_classes - 1);
  const at::Tensor class_of = at::where(classes.index_select(0, lower).eq(test.labels), lower, n_classes);

  at::Tensor hits = at::zeros({n_types}, at::kDouble), counts = at::zeros({n_types}, at::kDouble);
  const at::Tensor test_place = vector_of(test, at::arange(test.labels.size(0)));
  const int64_t n_vectors = test.vectors.size(0);
  std::vector<at::Tensor> nearest;  // per draw, [n_vectors]: the class of the nearest exemplar
  for (int64_t draw = 0; draw < n_draws; ++draw) nearest.push_back(at::empty({n_vectors}, at::kLong));
  const int64_t slab = std::max<int64_t>(1, (int64_t{1} << 22) / exemplars.nodes.size(0));
  in_slabs(n_vectors, slab, [&](int64_t begin, int64_t n) {
    const at::Tensor cosines = gemm(cosine_rows(test.vectors.narrow(0, begin, n)), exemplar_unit.t()).cpu();
    for (int64_t draw = 0; draw < n_draws; ++draw) {
      nearest[static_cast<size_t>(draw)].narrow(0, begin, n).copy_(cosines.index_select(1, place[draw]).argmax(1));
    }
  });
  at::Tensor was_judged = at::zeros({test.labels.size(0)}, at::kBool);
  const at::Tensor padded_none = at::full({1}, -1, at::kLong);
  for (int64_t draw = 0; draw < n_draws; ++draw) {
    const at::Tensor types_of_draw = at::cat({exemplar_types[draw], padded_none});
    const at::Tensor is_other = types_of_draw.index_select(0, class_of).ne(test.types);
    const at::Tensor is_right = nearest[static_cast<size_t>(draw)].index_select(0, test_place).eq(class_of);
    was_judged = was_judged.logical_or(is_other);
    counts.index_add_(0, test.types, is_other.to(at::kDouble));
    hits.index_add_(0, test.types, is_other.logical_and(is_right).to(at::kDouble));
  }
  const at::Tensor n_rows = at::zeros({n_types}, at::kLong).index_add_(0, test.types, was_judged.to(at::kLong));
  return {values, at::where(counts > 0, hits / counts, kNaN), n_rows};
}

}  // namespace cprobe
