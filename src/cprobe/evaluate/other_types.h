#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "cprobe/data/types.h"
#include "cprobe/evaluate/nearest_neighbours.h"
#include "cprobe/evaluate/type_means.h"

namespace cprobe {

/// Accuracy of a classifier on each type.
struct AccuracyByType {
  at::Tensor value;     ///< [n_types] int64: the variable's value of each type.
  at::Tensor accuracy;  ///< [n_types] float64, over draws and rows. NaN for a type without such rows.
  at::Tensor n_rows;    ///< [n_types] int64: test rows of the type, in any draw.

  /// Mean over the types of a value, then over values; none if no type has an accuracy.
  std::optional<double> mean() const;
  /// Standard error of `mean` over types; 0 if fewer than two types have an accuracy.
  double standard_error() const;
};

/// The accuracy of any classifier on each type, over all rows of the type.
/// @param right   [n] bool: which rows are classified right.
/// @param types   [n] int64: the type of each row.
/// @param values  [n_types] int64: the variable's value of each type.
AccuracyByType accuracy_by_type(const at::Tensor& right, const at::Tensor& types, const at::Tensor& values);

/// The accuracy of each type minus a number or minus another accuracy, for an interval of the
/// difference of the means. A type weighs as much as it does in AccuracyByType::mean.
/// @param minus  [n_types] float64, or one number.
std::vector<TypeMean> type_means(const AccuracyByType& accuracy, const at::Tensor& minus, const Types& types);

/// Whether values have fewer than 3 types on average. The types of a value then judge each other,
/// so that their accuracies are alike and an interval that takes them for independent is too short.
bool judge_each_other(const AccuracyByType& accuracy);

/// Labelled vectors with the type of each.
struct TypedVectors {
  at::Tensor vectors;  ///< [n_vectors, d] float32, on any device.
  at::Tensor place;    ///< [n] int64: the vector of each row. Undefined: one vector per row.
  at::Tensor labels;   ///< [n] int64 on the CPU.
  at::Tensor types;    ///< [n] int64 on the CPU.
};

/// Accuracy of the nearest-neighbour classifier of `knn` on each type, over rows whose type is not
/// that of the exemplar of their value. So a type that is recognised without its value helps
/// nothing (docs/statistics.md).
/// @param train   exemplars are among these rows.
/// @param values  [n_types] int64: the variable's value of each type.
/// @param exemplar_draws  as for `knn`.
AccuracyByType accuracy_on_other_types(const TypedVectors& train, const TypedVectors& test, const at::Tensor& values,
                                       const std::vector<std::vector<int64_t>>& exemplar_draws);

}  // namespace cprobe
