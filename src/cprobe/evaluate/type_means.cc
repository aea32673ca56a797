#include "cprobe/evaluate/type_means.h"

#include <cmath>

#include "cprobe/evaluate/statistics.h"

namespace cprobe {

std::vector<int64_t> shared_tokens(const Types& types, int64_t type) {
  if (types.block.defined()) return {types.block[type].item<int64_t>()};
  // Types with one part share it with no other.
  std::vector<int64_t> tokens;
  for (int64_t part = 0; types.parts.size() > 1 && part < types.part_of_type.size(1); ++part) {
    tokens.push_back(types.part_of_type[type][part].item<int64_t>());
  }
  return tokens;
}

std::vector<TypeMean> type_means(const at::Tensor& figure, const at::Tensor& of_rows, const Types& types) {
  const auto sum = [&](const at::Tensor& rows) {
    return at::zeros({types.n_types()}, at::kDouble).index_add_(0, of_rows, rows);
  };
  const at::Tensor counts = sum(at::ones_like(figure)), sums = sum(figure), squares = sum(figure.square());
  std::vector<TypeMean> means;
  for (int64_t type = 0; type < types.n_types(); ++type) {
    const auto n = counts[type].item<double>();
    if (n == 0) continue;
    const double mean = sums[type].item<double>() / n;
    const double scatter = std::max(0.0, squares[type].item<double>() - n * mean * mean);
    means.push_back({.mean = mean,
                     .weight = n,
                     .tokens = shared_tokens(types, type),
                     .n_rows = static_cast<int64_t>(n),
                     .row_sd = n > 1 ? std::sqrt(scatter / (n - 1)) : 0});
  }
  return means;
}

TestedFigure figure_beside_nulls(double value, std::vector<double> nulls,
                                 const std::function<std::vector<TypeMean>(double minus)>& means_minus, Bounds range) {
  const double null_mean = nulls.empty() ? 0 : spread(nulls).mean;
  TestedFigure figure{.value = value, .nulls = std::move(nulls)};
  const std::vector<TypeMean> means = means_minus(null_mean);
  if (means.empty()) return figure;
  const std::vector<double> varying = figure.nulls.size() < 2 ? std::vector<double>() : figure.nulls;
  figure.interval = interval_over_types(means, varying, {range.lower - null_mean, range.upper - null_mean});
  return figure;
}

}  // namespace cprobe
