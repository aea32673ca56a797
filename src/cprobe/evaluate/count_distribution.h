#pragma once

#include <cstdint>
#include <vector>

namespace cprobe {

/// The probabilities of a count: of `first`, `first` + 1, ...; all others are 0. Those below 1e-300 are left out, and a
/// tail of such is 0. A tail is the sum of its own terms from its far end on, so that a small one is as exact as a large one.
struct CountDistribution {
  int64_t first = 0;
  std::vector<double> probability;  ///< At least one value.

  double at_least(int64_t count) const;  ///< P(X >= count).
  double at_most(int64_t count) const;   ///< P(X <= count).
};

/// Hypergeometric: how many of `n_a` random things of `n` are among `n_b` given ones,
///
///     P(k) = C(n_b, k) C(n - n_b, n_a - k) / C(n, n_a),
///
/// by the ratio of neighbouring terms from the likeliest count on, which keeps all digits where factorials would lose
/// some. Exact to about 1e-16 per term, of which there are at most 75 standard deviations.
/// @param n >= 0. @param n_a, n_b in [0, n].
CountDistribution hypergeometric(int64_t n, int64_t n_a, int64_t n_b);

/// The sum of two independent counts, term by term: O(number of terms of one x of the other) time. For the weights of a
/// GPT-2 block (two matrices of 2.4 million entries) that is half a second.
CountDistribution sum_of(const CountDistribution& x, const CountDistribution& y);

}  // namespace cprobe
