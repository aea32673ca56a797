#pragma once

#include <cstdint>
#include <vector>

namespace cprobe {

/// Probabilities of the counts `first`, `first` + 1, ...; all other counts have probability 0.
/// Probabilities below 1e-300 at both ends are left out, and count as 0. A tail is summed from its
/// far end on, so that a small tail is as exact as a large one.
struct CountDistribution {
  int64_t first = 0;
  std::vector<double> probability;  ///< At least one value.

  double at_least(int64_t count) const;  ///< P(X >= count).
  double at_most(int64_t count) const;   ///< P(X <= count).
};

/// Hypergeometric distribution: how many of `n_a` things, drawn at random from `n` things, are
/// among `n_b` given things:
///
///     P(k) = C(n_b, k) C(n - n_b, n_a - k) / C(n, n_a).
///
/// Computed from the ratios of neighbouring terms, beginning at the likeliest count. Ratios keep
/// all digits; factorials would lose some. Exact to about 1e-16 per term. The terms span at most
/// 75 standard deviations.
/// @param n         >= 0.
/// @param n_a, n_b  in [0, n].
CountDistribution hypergeometric(int64_t n, int64_t n_a, int64_t n_b);

/// Distribution of the sum of two independent counts. Takes O(terms of x * terms of y) time: half a
/// second for the weights of a GPT-2 block (two matrices of 2.4 million entries).
CountDistribution sum_of(const CountDistribution& x, const CountDistribution& y);

}  // namespace cprobe
