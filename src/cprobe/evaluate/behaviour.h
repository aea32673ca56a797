#pragma once

#include <torch/types.h>

#include "cprobe/data/dataset.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// What an intervention did to the distribution of the next token, averaged over rows.
struct NextTokenEffect {
  double log_probability = 0;  ///< Of the right token, in nats.
  /// KL divergence of the distribution from the untouched model's: sum over tokens of p0 log(p0 / p), in nats.
  double divergence = 0;
};

/// Which rows are answered right: their most likely next token is the answer or, with a contrast, the continuation's logit
/// exceeds all others exactly where it is the answer.
/// @param states  [n, d_model] end of the stream. @param place [n_rows] int64: row of `states` that answers each row.
/// @param answers [n_rows] int64.
/// @return        [n_rows] bool, on the CPU.
at::Tensor answered_right(const Model& model, const at::Tensor& states, const at::Tensor& place,
                          const at::Tensor& answers, const std::optional<Contrast>& contrast);

/// What counts as the right answer on a data set, at the last token of each row: the most likely next token (arithmetic
/// tasks), or that one continuation's logit exceeds others' (language tasks, `Dataset::contrast`). Rows that end at the
/// same node are answered once.
class Behaviour {
 public:
  explicit Behaviour(const Dataset& data);

  /// [n] int64 distinct nodes whose states the answers need.
  const at::Tensor& read_nodes() const { return last_.nodes; }
  int64_t n_rows() const { return answers_.size(0); }

  /// Share of rows answered right. @param states [n, d_model] end of the stream at `read_nodes`.
  double accuracy(const Model& model, const at::Tensor& states) const;

  /// The same of states that rows may not share, though they end at one node. @param states [n_rows, d_model].
  double accuracy_by_row(const Model& model, const at::Tensor& states) const;

  /// Takes two products with the whole unembedding. @param states, untouched [n, d_model] as for `accuracy`.
  NextTokenEffect effect(const Model& model, const at::Tensor& states, const at::Tensor& untouched) const;

 private:
  DistinctNodes last_;
  at::Tensor answers_;  ///< [n_rows] int64.
  std::optional<Contrast> contrast_;
};

/// The untouched model on a data set: what interventions are compared with.
struct Untouched {
  double accuracy = 0;
  at::Tensor states;  ///< [n, d_model] end of the stream at the behaviour's `read_nodes`.
};

/// @param stream of all nodes at `site`.
Untouched run_untouched(const Model& model, const Dataset& data, const Stream& stream, Site site);

}  // namespace cprobe
