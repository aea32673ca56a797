#include "cprobe/evaluate/count_distribution.h"

#include <algorithm>
#include <numeric>

namespace cprobe {
namespace {

constexpr double kNegligible = 1e-300;

/// Leaves out negligible probabilities at both ends.
CountDistribution trimmed(int64_t first, std::vector<double> probability) {
  const auto matters = [](double p) { return p >= kNegligible; };
  probability.erase(std::find_if(probability.rbegin(), probability.rend(), matters).base(), probability.end());
  const auto begin = std::ranges::find_if(probability, matters);
  first += begin - probability.begin();
  probability.erase(probability.begin(), begin);
  return {first, std::move(probability)};
}

}  // namespace

double CountDistribution::at_least(int64_t count) const {
  const auto size = static_cast<int64_t>(probability.size());
  if (count <= first) return 1;  // The sum of all terms, but for rounding.
  const auto skipped = std::min(count - first, size);
  return std::min(1.0, std::accumulate(probability.rbegin(), probability.rend() - skipped, 0.0));
}

double CountDistribution::at_most(int64_t count) const {
  const auto size = static_cast<int64_t>(probability.size());
  if (count >= first + size - 1) return 1;
  const auto taken = std::max<int64_t>(count - first + 1, 0);
  return std::min(1.0, std::accumulate(probability.begin(), probability.begin() + taken, 0.0));
}

CountDistribution hypergeometric(int64_t n, int64_t n_a, int64_t n_b) {
  const int64_t least = std::max<int64_t>(0, n_a + n_b - n), most = std::min(n_a, n_b);
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  // P(k + 1) / P(k).
  const auto ratio = [&](int64_t k) {
    return number(n_a - k) * number(n_b - k) / (number(k + 1) * number(n - n_a - n_b + k + 1));
  };
  const auto mode = static_cast<int64_t>(number(n_a + 1) * number(n_b + 1) / number(n + 2));
  const int64_t start = std::clamp(mode, least, most);
  std::vector<double> below, above = {1.0};  // Relative to the likeliest count.
  for (int64_t k = start; k < most && above.back() >= kNegligible; ++k) above.push_back(above.back() * ratio(k));
  for (int64_t k = start; k > least && (below.empty() || below.back() >= kNegligible); --k)
    below.push_back((below.empty() ? 1.0 : below.back()) / ratio(k - 1));
  std::vector<double> probability(below.rbegin(), below.rend());
  probability.insert(probability.end(), above.begin(), above.end());
  std::vector<double> sorted = probability;
  std::ranges::sort(sorted);
  const double total = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  for (double& p : probability) p /= total;
  return trimmed(start - static_cast<int64_t>(below.size()), std::move(probability));
}

CountDistribution sum_of(const CountDistribution& x, const CountDistribution& y) {
  std::vector<double> probability(x.probability.size() + y.probability.size() - 1);
  for (size_t i = 0; i < x.probability.size(); ++i) {
    for (size_t j = 0; j < y.probability.size(); ++j) probability[i + j] += x.probability[i] * y.probability[j];
  }
  return trimmed(x.first + y.first, std::move(probability));
}

}  // namespace cprobe
