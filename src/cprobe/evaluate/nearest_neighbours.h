#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "cprobe/evaluate/statistics.h"

namespace cprobe {

/// Vectors and the labels to decode from them.
struct LabelledVectors {
  at::Tensor vectors;  ///< [n, d] float32, on any device.
  at::Tensor labels;   ///< [n] int64 on the CPU.
};

/// Accuracy of a 1-nearest-neighbour classifier with one exemplar per class (docs/method.md, step
/// 5), over draws of the exemplars. The nearest exemplar has the smallest cosine distance; of equal
/// ones, the first is nearest. A zero vector has distance 1 to every vector.
struct KnnResult {
  Spread dev;  ///< On the training tokens that are not exemplars.
  Spread test;
  /// Accuracy, in the first draw, of always answering the exemplars' most frequent label. Of
  /// equally frequent labels, the smallest is answered.
  double dev_majority = 0;
  double test_majority = 0;
  int64_t n_dev = 0;
  int64_t n_test = 0;

  friend bool operator==(const KnnResult&, const KnnResult&) = default;
};

/// @param exemplar_draws  one list of rows of `train` per draw, in ascending order of class. Of
///                        equally near exemplars, the first is taken.
KnnResult knn(const LabelledVectors& train, const LabelledVectors& test,
              const std::vector<std::vector<int64_t>>& exemplar_draws);

/// The most frequent label; of equally frequent ones, the smallest.
int64_t most_frequent(const at::Tensor& labels);

/// Rows of each class, in ascending order of class. Exemplars are drawn from these lists.
std::vector<std::vector<int64_t>> rows_by_class(const at::Tensor& labels);

/// Checks that labels can be decoded with one exemplar per class.
/// @param where  names the labels in error messages, such as "train.csv: variable 'var_0'".
/// @throws Error (kInput) if there are fewer than two classes, or a class has a single row. With
///         that row as the exemplar, nothing would be left to classify.
void require_decodable(const at::Tensor& labels, std::string_view where);

}  // namespace cprobe
