#pragma once

#include <torch/types.h>

#include "cprobe/data/labelled_tokens.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// What counts as the right answer on a data set: the most likely next token at the last token of each row (arithmetic
/// tasks). Rows that end at the same node are answered once.
class Behaviour {
 public:
  explicit Behaviour(const Dataset& data);

  /// [n] int64 distinct nodes whose states the answers need.
  const at::Tensor& read_nodes() const { return last_.nodes; }
  int64_t n_rows() const { return answers_.size(0); }

  /// Share of rows answered right. @param states [n, d_model] end of the stream at `read_nodes`.
  double accuracy(const Model& model, const at::Tensor& states) const;

 private:
  DistinctNodes last_;
  at::Tensor answers_;  ///< [n_rows] int64.
};

/// Accuracy of the untouched model.
double behaviour_accuracy(const Model& model, const Dataset& data);

}  // namespace cprobe
