#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

#include "cprobe/data/types.h"
#include "cprobe/evaluate/intervals.h"

namespace cprobe {

/// A statistic of a circuit, beside the same of its nulls (null circuits, or random sets).
struct TestedFigure {
  double value = 0;
  std::vector<double> nulls;  ///< Empty: not tested.
  Interval interval;          ///< Of `value` minus the mean over the nulls; n_types 0: not defined.

  friend bool operator==(const TestedFigure&, const TestedFigure&) = default;
};

/// Means over the rows of each type of a figure of rows, for an interval of the mean over rows: a
/// type weighs as much as it has rows.
/// @param figure   [n_rows] float64.
/// @param of_rows  [n_rows] int64: type of each row, as Types::of_rows.
std::vector<TypeMean> type_means(const at::Tensor& figure, const at::Tensor& of_rows, const Types& types);

/// A figure beside its nulls, with the interval of their difference (interval_over_types).
/// @param means_minus  the means of the types after a number is subtracted from each.
/// @param range        what the figure can be.
TestedFigure figure_beside_nulls(double value, std::vector<double> nulls,
                                 const std::function<std::vector<TypeMean>(double minus)>& means_minus, Bounds range);

/// What a type shares with others, for TypeMean: its block, or the numbers of its parts.
std::vector<int64_t> shared_tokens(const Types& types, int64_t type);

}  // namespace cprobe
