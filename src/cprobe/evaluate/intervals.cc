#include "cprobe/evaluate/intervals.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "cprobe/core/error.h"
#include "cprobe/evaluate/inference.h"
#include "cprobe/evaluate/quantiles.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

constexpr double kTail = 0.025;  ///< Outside a 95 % interval, at each end.
constexpr double kNearEnd = 0.1;
constexpr size_t kMostTokens = 3;

void require_types(std::span<const TypeMean> types, Bounds range) {
  if (types.empty()) throw failure("an interval over types has no types");
  const size_t n_tokens = types.front().tokens.size();
  if (n_tokens > kMostTokens) throw failure("a type has {} tokens; expected at most {}", n_tokens, kMostTokens);
  for (const TypeMean& type : types) {
    require_finite(std::vector<double>{type.mean, type.weight, type.row_sd}, "a number of a type");
    if (type.mean < range.lower - kTie || type.mean > range.upper + kTie)
      throw failure("the mean of a type is {}; expected {} to {}", type.mean, range.lower, range.upper);
    if (!(type.weight > 0) || type.n_rows < 1 || type.row_sd < 0)
      throw failure("a type has weight {}, {} rows, standard deviation {}", type.weight, type.n_rows, type.row_sd);
    if (type.tokens.size() != n_tokens)
      throw failure("one type has {} tokens, another {}", n_tokens, type.tokens.size());
  }
}

/// Weights with the sum 1.
std::vector<double> weights_of(std::span<const TypeMean> types) {
  const double sum = std::transform_reduce(types.begin(), types.end(), 0.0, std::plus<>(),
                                           [](const TypeMean& type) { return type.weight; });
  std::vector<double> weights;
  weights.reserve(types.size());
  for (const TypeMean& type : types) weights.push_back(type.weight / sum);
  return weights;
}

/// Independent units of a weighted mean.
struct Sample {
  int64_t n = 0;
  double effective = 0;  ///< 1 / (sum of squared weights); n for equal weights.
};

Sample sample_of(const std::vector<double>& weights) {
  return {.n = std::ssize(weights),
          .effective = 1 / std::inner_product(weights.begin(), weights.end(), weights.begin(), 0.0)};
}

/// The tokens at the position with the fewest; the types themselves if these share nothing.
Sample fewest_units(std::span<const TypeMean> types, const std::vector<double>& weights) {
  Sample fewest = sample_of(weights);
  for (size_t position = 0; position < types.front().tokens.size(); ++position) {
    std::map<int64_t, double> weight_of_token;
    for (size_t i = 0; i < types.size(); ++i) weight_of_token[types[i].tokens[position]] += weights[i];
    std::vector<double> of_tokens;
    of_tokens.reserve(weight_of_token.size());
    for (const auto& [token, weight] : weight_of_token) of_tokens.push_back(weight);
    const Sample tokens = sample_of(of_tokens);
    fewest = {.n = std::min(fewest.n, tokens.n), .effective = std::min(fewest.effective, tokens.effective)};
  }
  return fewest;
}

/// Sum, over all pairs of types with a token in common, of the product of their errors. For each
/// set of tokens, errors of all types that have the set are added up and squared; sets of even size
/// are subtracted (inclusion and exclusion), so that each pair counts once.
double over_pairs_with_common_tokens(std::span<const TypeMean> types, const std::vector<double>& errors) {
  std::map<std::vector<int64_t>, double> sums;
  for (size_t i = 0; i < types.size(); ++i) {
    std::vector<int64_t> tokens = types[i].tokens;
    std::ranges::sort(tokens);
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (uint32_t subset = 1; subset < uint32_t{1} << tokens.size(); ++subset) {
      std::vector<int64_t> members;
      for (size_t t = 0; t < tokens.size(); ++t) {
        if ((subset >> t & 1) != 0) members.push_back(tokens[t]);
      }
      sums[members] += errors[i];
    }
  }
  double total = 0;
  for (const auto& [members, sum] : sums) total += members.size() % 2 == 1 ? sum * sum : -sum * sum;
  return total;
}

/// V of the header, by types. Inclusion and exclusion can fall below zero in small samples, so the
/// simpler sums are lower limits.
double variance_over_types(std::span<const TypeMean> types, const std::vector<double>& errors) {
  double variance = std::inner_product(errors.begin(), errors.end(), errors.begin(), 0.0);
  const size_t n_positions = types.front().tokens.size();
  for (size_t position = 0; position < n_positions; ++position) {
    std::map<int64_t, double> sums;
    for (size_t i = 0; i < types.size(); ++i) sums[types[i].tokens[position]] += errors[i];
    double squares = 0;
    for (const auto& [token, sum] : sums) squares += sum * sum;
    variance = std::max(variance, squares);
  }
  return n_positions < 2 ? variance : std::max(variance, over_pairs_with_common_tokens(types, errors));
}

/// What is known of the error of a mean over types, nulls apart.
struct MeanError {
  double variance = 0;
  double degrees_of_freedom = 0;  ///< 0: the variance is not known.
  bool is_alike = false;          ///< All units are alike.
  double n_alike = 0;             ///< As many, if so.
};

MeanError error_over_types(std::span<const TypeMean> types, const std::vector<double>& weights, double mean,
                           const Sample& units) {
  std::vector<double> errors;
  errors.reserve(types.size());
  for (size_t i = 0; i < types.size(); ++i) errors.push_back(weights[i] * (types[i].mean - mean));
  const double correction = units.effective / (units.effective - 1);
  const auto [least, most] = std::ranges::minmax(types, {}, &TypeMean::mean);
  return {.variance = variance_over_types(types, errors) * correction,
          .degrees_of_freedom = units.effective - 1,
          .is_alike = most.mean - least.mean <= kTie,
          .n_alike = static_cast<double>(units.n)};
}

MeanError error_over_rows(std::span<const TypeMean> types, const std::vector<double>& weights) {
  MeanError error{.is_alike = true, .n_alike = std::numeric_limits<double>::infinity()};
  double parts = 0;  // Satterthwaite's sum.
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i].n_rows < 2) return {};
    const auto n = static_cast<double>(types[i].n_rows);
    const double part = weights[i] * weights[i] * types[i].row_sd * types[i].row_sd / n;
    error.variance += part;
    parts += part * part / (n - 1);
    error.is_alike = error.is_alike && types[i].row_sd <= kTie;
    error.n_alike = std::min(error.n_alike, n / weights[i]);
  }
  error.degrees_of_freedom = parts > 0 ? error.variance * error.variance / parts : error.n_alike - 1;
  return error;
}

/// Whether few of `n` units tell the mean from the nearest end of its range.
bool is_near_end(double mean, Bounds range, int64_t n) {
  const double distance = std::min(mean - range.lower, range.upper - mean) / (range.upper - range.lower);
  return distance < kNearEnd && static_cast<double>(n) * distance < kTypesForNormality;
}

}  // namespace

Interval interval_over_types(std::span<const TypeMean> types, std::span<const double> null_means, Bounds range) {
  require_types(types, range);
  require_finite(null_means, "the statistic of a null");
  const std::vector<double> weights = weights_of(types);
  const Sample units = fewest_units(types, weights);
  double mean = 0;
  for (size_t i = 0; i < types.size(); ++i) mean += weights[i] * types[i].mean;
  Interval result{.mean = mean,
                  .lower = range.lower,
                  .upper = range.upper,
                  .n_types = units.n,
                  .is_for_these_types_only = units.n < kLeastTypes};

  MeanError error =
      result.is_for_these_types_only ? error_over_rows(types, weights) : error_over_types(types, weights, mean, units);
  if (!null_means.empty()) {
    const auto n_nulls = static_cast<double>(null_means.size());
    const double sd = spread({null_means.begin(), null_means.end()}).sd.value_or(0);
    error.variance += sd * sd / n_nulls;
    error.degrees_of_freedom = std::min(error.degrees_of_freedom, n_nulls - 1);
  }
  if (error.degrees_of_freedom < 1) return result;

  const double half_width = t_quantile(1 - kTail, error.degrees_of_freedom) * std::sqrt(error.variance);
  result.lower = mean - half_width;
  result.upper = mean + half_width;
  if (error.is_alike) {
    const double share = 1 - std::pow(kTail, 1 / error.n_alike);  // Of types (rows) not seen.
    const auto [least, most] = std::ranges::minmax(types, {}, &TypeMean::mean);
    result.lower = std::min(result.lower, mean - share * (most.mean - range.lower));
    result.upper = std::max(result.upper, mean + share * (range.upper - least.mean));
  }
  result.lower = std::clamp(result.lower, range.lower, range.upper);
  result.upper = std::clamp(result.upper, range.lower, range.upper);
  const int64_t n_units = !result.is_for_these_types_only
                              ? units.n
                              : std::transform_reduce(types.begin(), types.end(), int64_t{0}, std::plus<>(),
                                                      [](const TypeMean& type) { return type.n_rows; });
  result.is_approximate = !error.is_alike && is_near_end(mean, range, n_units);
  return result;
}

std::optional<Interval> interval_over_models(std::span<const Interval> within, Bounds range) {
  if (within.empty()) throw failure("an interval over models has no models");
  if (within.size() == 1) return within.front();
  if (within.size() == 2) return std::nullopt;
  const auto n = static_cast<double>(within.size());
  std::vector<double> means;
  double below = 0, above = 0;  // Mean distances to the ends of the intervals within models.
  Interval result{.n_types = within.front().n_types};
  for (const Interval& model : within) {
    require_finite(std::vector<double>{model.mean, model.lower, model.upper}, "a number of a model's interval");
    means.push_back(model.mean);
    below += (model.mean - model.lower) / n;
    above += (model.upper - model.mean) / n;
    result.n_types = std::min(result.n_types, model.n_types);
    result.is_approximate = result.is_approximate || model.is_approximate;
    result.is_for_these_types_only = result.is_for_these_types_only || model.is_for_these_types_only;
  }
  const Spread models = spread(means);
  const double half_width = t_quantile(1 - kTail, n - 1) * models.sd.value_or(0) / std::sqrt(n);
  result.mean = models.mean;
  result.lower = std::max(range.lower, result.mean - std::max(half_width, below));
  result.upper = std::min(range.upper, result.mean + std::max(half_width, above));
  return result;
}

Bounds clopper_pearson(int64_t n_successes, int64_t n) {
  if (n < 1 || n_successes < 0 || n_successes > n)
    throw failure("an interval of a probability from {} successes in {} trials", n_successes, n);
  const auto k = static_cast<double>(n_successes), all = static_cast<double>(n);
  return {.lower = n_successes == 0 ? 0 : beta_quantile(kTail, k, all - k + 1),
          .upper = n_successes == n ? 1 : beta_quantile(1 - kTail, k + 1, all - k)};
}

}  // namespace cprobe
