/// How large an effect must be so that rows, types and nulls can tell it. For use before a run.
#pragma once

#include <cstdint>
#include <optional>

#include "cprobe/evaluate/inference.h"
#include "cprobe/evaluate/intervals.h"

namespace cprobe {

/// The least adjusted p that `n_cells` cells with `n_nulls` nulls can attain: 1 / (1 + n_nulls)
/// with maxT, `n_cells` times that (at most 1) with Holm's method.
double least_adjusted_p(int64_t n_nulls, int64_t n_cells, Correction correction);

/// The fewest nulls with which a p of m = `n_cells` cells can be significant: 19 with maxT, 20 m -
/// 1 with Holm's method.
int64_t least_nulls(int64_t n_cells, Correction correction);

struct PlannedTest {
  int64_t n_types = 0;  ///< Types, or tokens of the position with the fewest, or blocks.
  int64_t n_nulls = 0;
  int64_t n_cells = 1;  ///< Cells of the family.
  /// Standard deviation of a type's mean between types. At most .5 for a share.
  double type_sd = 0.5;
  /// Standard deviation of the statistic between nulls, taken to be the same in all cells.
  double null_sd = 0;
  double smallest_effect = 0.05;
  Correction correction = Correction::kMaxT;
  double power = 0.8;  ///< Chance that an effect of the size returned is told; in (0, 1).
};

/// Effects in units of the statistic, beyond the mean of its nulls.
struct LeastDetectable {
  /// For a significant p. Nothing with fewer nulls than `least_nulls`.
  std::optional<double> by_p;
  /// For a lower bound of the interval at `smallest_effect`. Nothing with fewer than 8 types or 2
  /// nulls.
  std::optional<double> by_interval;

  /// For "yes", which needs both: the larger one.
  std::optional<double> effect() const;
};

/// Approximation for normal nulls that are independent between cells.
///   - by_p: the effect d whose mean Z equals the median of the L-th largest M_b, L = floor((K + 1)
///     / 20), plus the normal quantile of `power` times null_sd. M_b passes that median with the
///     chance r at which I_r(L, K - L + 1) = 1/2. Without s0, Z of a null is a normal deviate over
///     the deviation of a sample that it is part of: K / sqrt(K + 1) t / sqrt(K - 1 + t^2), t with
///     K - 1 degrees of freedom (Grubbs 1950). With null_sd far below s0 it is normal. Between, the
///     quantiles are mixed by share of the variance. The mean Z of d is
///     d K / (K + 1) / sqrt(null_sd^2 + s0^2 + d^2 / (K + 1)), as d is part of the deviation.
///     With Holm's method ranks alone count: d is the median of the L-th largest null, now with L =
///     floor((K + 1) / (20 m)) for m cells, plus the same quantile times null_sd.
///   - by_interval: smallest_effect + (t_.975 + t_power) sqrt(type_sd^2 / G + null_sd^2 / K).
/// @throws Error (kFailed) if a number is NaN, infinite or out of range.
LeastDetectable least_detectable(const PlannedTest& test);

/// The number of types with which the interval would lie on one side of `smallest_effect`, if the
/// mean and the deviations stayed as they are: what decides an "undecided". The interval's own
/// number if it lies on one side already; nothing if it would take more than a million.
std::optional<int64_t> types_to_decide(const Interval& interval, double smallest_effect);

}  // namespace cprobe
