#include "cprobe/evaluate/inference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

void require_values(const BesideNulls& cell) {
  require_finite(std::span(&cell.value, 1), "the statistic of a cell");
  require_finite(cell.nulls, "the statistic of a null");
}

/// Entry 0 is the real value; entry b is null b.
using Scores = std::vector<double>;

/// Z of one cell: [1 + n_nulls]. Mean and deviation are summed in ascending order, so that no bit
/// depends on which value is the real one.
Scores standardised(const BesideNulls& cell, size_t n_nulls, double least_deviation) {
  Scores values = {cell.value};
  values.insert(values.end(), cell.nulls.begin(), cell.nulls.begin() + static_cast<std::ptrdiff_t>(n_nulls));
  std::vector<double> sorted = values;
  std::ranges::sort(sorted);
  if (sorted.back() - sorted.front() <= kTie) return Scores(values.size(), 0.0);
  const Spread all = spread(sorted);
  const double scale = std::hypot(all.sd.value_or(0), least_deviation);
  for (double& value : values) value = (value - all.mean) / scale;
  return values;
}

/// Z of each cell: [n_cells][1 + n_nulls].
std::vector<Scores> all_standardised(std::span<const BesideNulls> family, size_t n_nulls, double smallest_effect) {
  std::vector<Scores> scores;
  scores.reserve(family.size());
  for (const BesideNulls& cell : family) scores.push_back(standardised(cell, n_nulls, smallest_effect / 2));
  return scores;
}

size_t fewest_nulls(std::span<const BesideNulls> family) {
  size_t fewest = std::numeric_limits<size_t>::max();
  for (const BesideNulls& cell : family) fewest = std::min(fewest, cell.nulls.size());
  return fewest;
}

/// The largest score of each null, over all rows of `scores`.
Scores largest(const std::vector<Scores>& scores) {
  Scores most = scores.front();
  for (const Scores& row : scores) {
    for (size_t b = 0; b < row.size(); ++b) most[b] = std::max(most[b], row[b]);
  }
  return most;
}

CountedP beside_largest(double value, const Scores& most) {
  return {
      .n_as_strong = std::count_if(most.begin() + 1, most.end(), [&](double score) { return score >= value - kTie; }),
      .n_nulls = std::ssize(most) - 1};
}

void require_family(std::span<const BesideNulls> family, double smallest_effect) {
  if (!(smallest_effect >= 0))
    throw failure("the smallest effect of interest is {}; expected at least 0", smallest_effect);
  for (const BesideNulls& cell : family) require_values(cell);
}

/// Whether a < b, in whole numbers.
bool is_smaller(const CountedP& a, const CountedP& b) {
  return (1 + a.n_as_strong) * (1 + b.n_nulls) < (1 + b.n_as_strong) * (1 + a.n_nulls);
}

/// A multiple of p, at most 1.
CountedP times(const CountedP& p, int64_t factor) {
  return {.n_as_strong = std::min(p.n_nulls, factor * (1 + p.n_as_strong) - 1), .n_nulls = p.n_nulls};
}

}  // namespace

std::string_view to_string(Correction correction) {
  return name_of(correction, {"maxT", "holm"});
}

void require_finite(std::span<const double> values, std::string_view what) {
  for (const double value : values) {
    if (!std::isfinite(value)) throw failure("{} is {}; expected a finite number", what, value);
  }
}

CountedP p_of(const BesideNulls& cell) {
  require_values(cell);
  return {.n_as_strong = std::ranges::count_if(cell.nulls, [&](double null) { return null >= cell.value - kTie; }),
          .n_nulls = std::ssize(cell.nulls)};
}

BesideNulls mean_over_seeds(std::span<const BesideNulls> seeds) {
  if (seeds.empty()) throw failure("mean over seeds: there are no seeds");
  BesideNulls mean{.nulls = std::vector<double>(seeds.front().nulls.size())};
  const auto n = static_cast<double>(seeds.size());
  for (const BesideNulls& seed : seeds) {
    require_values(seed);
    if (seed.nulls.size() != mean.nulls.size())
      throw failure("mean over seeds: one seed has {} nulls, another {}", mean.nulls.size(), seed.nulls.size());
    mean.value += seed.value / n;
    for (size_t b = 0; b < mean.nulls.size(); ++b) mean.nulls[b] += seed.nulls[b] / n;
  }
  return mean;
}

std::vector<CountedP> max_t(std::span<const BesideNulls> family, double smallest_effect) {
  require_family(family, smallest_effect);
  if (family.empty()) return {};
  const std::vector<Scores> scores = all_standardised(family, fewest_nulls(family), smallest_effect);
  const Scores most = largest(scores);
  std::vector<CountedP> p;
  p.reserve(scores.size());
  for (const Scores& cell : scores) p.push_back(beside_largest(cell.front(), most));
  return p;
}

std::vector<CountedP> holm(std::span<const BesideNulls> family) {
  std::vector<CountedP> p;
  p.reserve(family.size());
  for (const BesideNulls& cell : family) p.push_back(p_of(cell));
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return is_smaller(p[a], p[b]); });
  CountedP most;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const CountedP here = times(p[order[rank]], static_cast<int64_t>(order.size() - rank));
    if (rank == 0 || is_smaller(most, here)) most = here;
    p[order[rank]] = most;
  }
  return p;
}

std::vector<CountedP> adjusted(std::span<const BesideNulls> family, const JudgeOptions& options) {
  switch (options.correction) {
    case Correction::kMaxT:
      return max_t(family, options.smallest_effect);
    case Correction::kHolm:
      return holm(family);
  }
  throw failure("unknown correction");
}

std::vector<CountedP> replicated(std::span<const std::vector<BesideNulls>> models, int64_t n_with_effect,
                                 double smallest_effect) {
  return replicated(models, n_with_effect, JudgeOptions{.smallest_effect = smallest_effect});
}

std::vector<CountedP> replicated(std::span<const std::vector<BesideNulls>> models, int64_t n_with_effect,
                                 const JudgeOptions& options) {
  if (n_with_effect < 1 || n_with_effect > std::ssize(models))
    throw failure("replication in {} of {} models; expected at least 1, at most all", n_with_effect, models.size());
  const size_t n_cells = models.front().size();
  std::vector<BesideNulls> all;
  for (const std::vector<BesideNulls>& family : models) {
    if (family.size() != n_cells)
      throw failure("replication: one model has {} cells, another {}", n_cells, family.size());
    all.insert(all.end(), family.begin(), family.end());
  }
  const std::vector<CountedP> of_models = adjusted(all, options);
  std::vector<CountedP> p;
  for (size_t c = 0; c < n_cells; ++c) {
    std::vector<CountedP> of_cell;
    for (size_t i = 0; i < models.size(); ++i) of_cell.push_back(of_models[i * n_cells + c]);
    std::ranges::sort(of_cell, is_smaller);
    p.push_back(of_cell[static_cast<size_t>(n_with_effect - 1)]);
  }
  return p;
}

std::vector<double> benjamini_hochberg(const std::vector<double>& p_values) {
  for (const double p : p_values) {
    if (!(p > 0 && p <= 1)) throw failure("a p-value is {}; expected one above 0, at most 1", p);
  }
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](size_t i) { return p_values[i]; });
  std::vector<double> q(p_values.size());
  const auto m = static_cast<double>(order.size());
  double least = 1;
  for (size_t rank = order.size(); rank > 0; --rank) {
    const size_t i = order[rank - 1];
    least = std::min(least, m * p_values[i] / static_cast<double>(rank));
    q[i] = least;
  }
  return q;
}

}  // namespace cprobe
