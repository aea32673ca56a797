#include "cprobe/evaluate/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cprobe {

std::string figure_text(double mean, const std::optional<double>& sd, int n_decimals) {
  if (!sd) return fmt::format("{:.{}f}", mean, n_decimals);
  return fmt::format("{:.{}f} ± {:.{}f}", mean, n_decimals, *sd, n_decimals);
}

std::string p_number(double p) {
  return p < 0.0005 ? "< 0.001" : fmt::format("{:.3f}", p);
}

Spread spread(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  Spread result{.mean = std::accumulate(values.begin(), values.end(), 0.0) / n,
                .n = static_cast<int64_t>(values.size())};
  if (result.n > 1) {
    double squares = 0;
    for (const double value : values) squares += (value - result.mean) * (value - result.mean);
    result.sd = std::sqrt(squares / (n - 1));
  }
  return result;
}

double p_value(double value, const std::vector<double>& controls, Stronger stronger) {
  const auto as_strong = std::ranges::count_if(
      controls, [&](double control) { return stronger == Stronger::kLower ? control <= value : control >= value; });
  return static_cast<double>(1 + as_strong) / static_cast<double>(1 + controls.size());
}

std::vector<double> holm(const std::vector<double>& p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](size_t i) { return p_values[i]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, static_cast<double>(order.size() - rank) * p_values[order[rank]]);
    adjusted[order[rank]] = std::min(largest, 1.0);
  }
  return adjusted;
}

}  // namespace cprobe
