#pragma once

#include <torch/types.h>

#include <vector>

#include "cprobe/evaluate/other_types.h"

namespace cprobe {

/// A variable that is read out.
struct ReadVariable {
  at::Tensor train_labels;  ///< [n_train] int64.
  at::Tensor values;        ///< [n_types] int64: the value of each type.
};

/// Accuracy, on each type, of a linear read-out that was fitted without this type: ridge regression
/// to one output per value, fitted ten times without a tenth of the types, and the largest output
/// decides. So, like `accuracy_on_other_types`, it finds what vectors of other types say of a
/// value; unlike it, it chooses the directions that say so. Takes no draws. All variables share the
/// decompositions.
///
/// The ridge is a hundredth of the mean eigenvalue of the vectors' covariance, which keeps
/// directions without a vector's variance out.
/// @param train, test  vectors, places and types of rows; labels are not read.
/// @param variables    at least one.
/// @return             per variable.
/// @throws Error (kInterrupted) between fits once a stop is requested.
std::vector<AccuracyByType> linear_accuracy_on_other_types(const TypedVectors& train, const TypedVectors& test,
                                                           const std::vector<ReadVariable>& variables);

}  // namespace cprobe
