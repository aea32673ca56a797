#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "cprobe/evaluate/statistics.h"

namespace cprobe {

/// Vectors with the labels to be decoded from them.
struct LabelledVectors {
  at::Tensor vectors;  ///< [n, d] float32, on any device.
  at::Tensor labels;   ///< [n] int64 on the CPU.
};

/// Accuracy of a 1-nearest-neighbour classifier with one exemplar per class (docs/method.md, step 5), over
/// draws of the exemplars. Nearest is the smallest cosine distance, of equals the first; a zero vector is
/// at distance 1 of all.
struct KnnResult {
  Spread dev;  ///< On the training tokens that are no exemplars.
  Spread test;
  /// First draw: of always answering the exemplars' most frequent label (the smallest of equals).
  double dev_majority = 0;
  double test_majority = 0;
  int64_t n_dev = 0;
  int64_t n_test = 0;

  friend bool operator==(const KnnResult&, const KnnResult&) = default;
};

/// @param exemplar_draws one list per draw: rows of `train`, in ascending order of class (ties go to the first).
KnnResult knn(const LabelledVectors& train, const LabelledVectors& test,
              const std::vector<std::vector<int64_t>>& exemplar_draws);

/// Rows of each class, classes in ascending order: what exemplars are drawn from.
std::vector<std::vector<int64_t>> rows_by_class(const at::Tensor& labels);

/// @param where names the labels in complaints, such as "train.csv: variable 'var_0'".
/// @throws Error (kInput) if there is only one class, or a class has a single row (its exemplar would leave nothing to
///         classify).
void require_decodable(const at::Tensor& labels, std::string_view where);

}  // namespace cprobe
