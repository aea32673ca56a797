/// 95 % intervals of means over types. docs/statistics.md says what each assumes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cprobe {

/// With fewer types than this, an interval holds for these types only.
inline constexpr int64_t kLeastTypes = 8;
/// Near an end of its range an interval is approximate if types * distance to that end, in lengths
/// of the range, is below this: the usual rule for a normal approximation of a binomial.
inline constexpr double kTypesForNormality = 5;

/// An interval of numbers, ends included.
struct Bounds {
  double lower = 0;
  double upper = 1;

  friend bool operator==(const Bounds&, const Bounds&) = default;
};

/// What was measured of one type: a mean over the type's rows.
struct TypeMean {
  double mean = 0;
  /// Weight in the mean over types, above 0. Only ratios matter. In a mean over types within a
  /// value, then over values, a type weighs 1 / (types of its value).
  double weight = 1;
  /// What the type shares with others: its token at each position (at most 3), or its block alone.
  /// Equal numbers are the same token, at any position. Types with a token in common may be alike.
  /// Empty: nothing is shared. All types have equally many.
  std::vector<int64_t> tokens = {};
  int64_t n_rows = 1;
  double row_sd = 0;  ///< Standard deviation (n - 1) over the type's rows. Unused if n_rows is 1.
};

/// A 95 % interval of a mean. Without enough data for an interval, the whole range of the mean.
struct Interval {
  double mean = 0;
  double lower = 0;
  double upper = 0;
  /// Types, or tokens of the position with the fewest distinct ones, or blocks.
  int64_t n_types = 0;
  /// The mean is within a tenth of the range's length from an end, and the number of types (rows,
  /// if for these types only) times that distance is below 5: Student's t is then a rough guide.
  /// With a distance of a tenth that is fewer than 50 types, with a fiftieth fewer than 250. In
  /// question 1 also where types judge_each_other.
  bool is_approximate = false;
  /// Fewer than 8 types: other rows of the same types are covered, other types are not.
  bool is_for_these_types_only = false;

  friend bool operator==(const Interval&, const Interval&) = default;
};

/// Interval of a statistic beyond its nulls, `T - mean over b of T_b`, both weighted means over
/// types. Student's t with
///
///     variance = V G / (G - 1) + var(null_means) / K          df = min(G, K) - 1
///
/// - V is the variance of the weighted mean of the types: with weights w_i (sum 1) and errors
///   e_i = mean_i - mean, the sum of w_i e_i w_j e_j over all pairs (i, j) of types with a token in
///   common, i = j included. With one token per type that is the sum of (w_i e_i)^2; with two kinds
///   of tokens it is two-way clustering (Cameron, Gelbach & Miller 2011). V is never less than if
///   types shared nothing, or tokens at one position only.
/// - G is the number of types, tokens or blocks, whichever position has fewest. With unequal
///   weights, 1 / (sum of squared weights) (Kish 1965).
/// - Fewer than 8 types: by rows, within types. V is the sum of w_i^2 row_sd_i^2 / n_rows_i, with
///   Satterthwaite's (1946) degrees of freedom instead of G - 1, and no G / (G - 1).
/// - All types alike (within 1e-9): types of another kind may still make up a share q = 1 -
///   .025^(1/G) of all types. The interval then reaches q of the way from the mean to each end of
///   the range, and is Clopper and Pearson's (1934) where the mean is 0 or 1. By rows, G is the
///   least n_rows_i / w_i.
///
/// @param types       at least one. Each mean is the real statistic's minus the mean over the
///                    nulls' for the same type.
/// @param null_means  T_b for b = 1..K: K of 2 and more, or 0 for a mean that is not compared.
/// @param range       what the mean can be: [0, 1] of a share, [-1, 1] of a difference of shares.
///                    The interval is cut off there.
/// @throws Error (kFailed) if a number is NaN or infinite, a mean lies outside the range, or a
///         count, weight or number of tokens is out of range.
Interval interval_over_types(std::span<const TypeMean> types, std::span<const double> null_means, Bounds range);

/// Interval of the mean over models: Student's t on the models' means, df = n - 1, and at each end
/// never nearer to the mean than the intervals within models are on average.
/// @param within  the interval of each model; at least one.
/// @return        the interval itself for one model; nothing for two models.
std::optional<Interval> interval_over_models(std::span<const Interval> within, Bounds range);

/// Clopper and Pearson's (1934) 95 % interval of a probability: covers at least that often.
/// @throws Error (kFailed) unless 0 <= n_successes <= n and n >= 1.
Bounds clopper_pearson(int64_t n_successes, int64_t n);

}  // namespace cprobe
