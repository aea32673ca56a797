#include "cprobe/evaluate/power.h"

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/evaluate/quantiles.h"

namespace cprobe {
namespace {

constexpr double kMostTypes = 1e6;

void require_plan(const PlannedTest& test) {
  require_finite(std::vector<double>{test.type_sd, test.null_sd, test.smallest_effect, test.power}, "a planned number");
  if (test.n_types < 0 || test.n_nulls < 0 || test.n_cells < 1 || test.type_sd < 0 || test.null_sd < 0 ||
      test.smallest_effect < 0 || !(test.power > 0 && test.power < 1))
    throw failure("a planned test with {} types, {} nulls, {} cells, deviations {} and {}, power {}", test.n_types,
                  test.n_nulls, test.n_cells, test.type_sd, test.null_sd, test.power);
}

/// The chance that a null exceeds the median of the `n`-th largest of `n_nulls`: r of the header.
double chance_to_exceed(int64_t n, int64_t n_nulls) {
  const auto place = static_cast<double>(n);
  return beta_quantile(0.5, place, static_cast<double>(n_nulls) - place + 1);
}

std::optional<double> least_by_p(const PlannedTest& test) {
  if (test.n_nulls < least_nulls(test.n_cells, test.correction)) return std::nullopt;
  const auto n_nulls = static_cast<double>(test.n_nulls);
  const int64_t n_significant = (test.n_nulls + 1) / kSignificance;  // L of the header.
  if (test.correction == Correction::kHolm) {
    const double exceeds = chance_to_exceed(n_significant / test.n_cells, test.n_nulls);
    return test.null_sd * (normal_quantile(1 - exceeds) + normal_quantile(test.power));
  }
  const double exceeds = chance_to_exceed(n_significant, test.n_nulls);
  const double below = std::pow(1 - exceeds, 1 / static_cast<double>(test.n_cells));
  const double t = t_quantile(below, n_nulls - 1);
  const double share = n_nulls / (n_nulls + 1);
  const double z_own = std::sqrt(n_nulls * share) * t / std::hypot(t, std::sqrt(n_nulls - 1));
  const double z_fixed = std::sqrt(share) * normal_quantile(below);
  const double scale = std::hypot(test.null_sd, test.smallest_effect / 2);
  const double relative_sd = scale > 0 ? test.null_sd / scale : 0;  // Deviation of a null's Z.
  const double passed = relative_sd * std::lerp(z_fixed, z_own, relative_sd * relative_sd);
  const double denominator = share * share - passed * passed / (n_nulls + 1);  // Above 0, as z < K / sqrt(K + 1).
  return passed * scale / std::sqrt(denominator) + normal_quantile(test.power) * test.null_sd;
}

std::optional<double> least_by_interval(const PlannedTest& test) {
  if (test.n_types < kLeastTypes || test.n_nulls < 2) return std::nullopt;
  const auto n_types = static_cast<double>(test.n_types), n_nulls = static_cast<double>(test.n_nulls);
  const double df = std::min(n_types, n_nulls) - 1;
  const double variance = test.type_sd * test.type_sd / n_types + test.null_sd * test.null_sd / n_nulls;
  return test.smallest_effect + (t_quantile(0.975, df) + t_quantile(test.power, df)) * std::sqrt(variance);
}

}  // namespace

double least_adjusted_p(int64_t n_nulls, int64_t n_cells, Correction correction) {
  if (n_nulls < 0 || n_cells < 1) throw failure("a planned test with {} nulls and {} cells", n_nulls, n_cells);
  const double least = 1 / static_cast<double>(1 + n_nulls);
  return correction == Correction::kMaxT ? least : std::min(1.0, static_cast<double>(n_cells) * least);
}

int64_t least_nulls(int64_t n_cells, Correction correction) {
  if (n_cells < 1) throw failure("a planned test with {} cells", n_cells);
  return correction == Correction::kMaxT ? kLeastNulls : kSignificance * n_cells - 1;
}

std::optional<double> LeastDetectable::effect() const {
  if (!by_p || !by_interval) return std::nullopt;
  return std::max(*by_p, *by_interval);
}

LeastDetectable least_detectable(const PlannedTest& test) {
  require_plan(test);
  return {.by_p = least_by_p(test), .by_interval = least_by_interval(test)};
}

std::optional<int64_t> types_to_decide(const Interval& interval, double smallest_effect) {
  if (interval.lower >= smallest_effect || interval.upper < smallest_effect) return interval.n_types;
  const double distance = std::max(std::abs(interval.mean - smallest_effect), kTie);
  const double half_width =
      interval.mean > smallest_effect ? interval.mean - interval.lower : interval.upper - interval.mean;
  const double ratio = half_width / distance;
  const double n_types = std::ceil(static_cast<double>(interval.n_types) * ratio * ratio - kTie);
  if (n_types > kMostTypes) return std::nullopt;
  return static_cast<int64_t>(n_types);
}

}  // namespace cprobe
