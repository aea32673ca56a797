#pragma once

#include <torch/types.h>

#include "cprobe/data/dataset.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// Effect of an intervention on the distribution of the next token. Means over rows.
struct NextTokenEffect {
  double log_probability = 0;  ///< Of the right token, in nats.
  /// KL divergence of the distribution p from the untouched model's p0, in nats: the sum of
  /// p0 log(p0 / p) over tokens.
  double divergence = 0;
};

/// Which rows are answered right.
///   - Without a contrast: the most likely next token is the answer.
///   - With a contrast: the continuation's logit exceeds the logits of all tokens in `against` if
///     the continuation is the answer, and does not otherwise.
/// @param states   [n, d_model] end of the stream.
/// @param place    [n_rows] int64: row of `states` that answers each row.
/// @param answers  [n_rows] int64.
/// @return         [n_rows] bool, on the CPU.
at::Tensor answered_right(const Model& model, const at::Tensor& states, const at::Tensor& place,
                          const at::Tensor& answers, const std::optional<Contrast>& contrast);

/// What a model answers to each row. Outcomes of the same rows can be compared row by row.
struct Outcomes {
  /// [n_rows] int64. Without a contrast: the most likely next token. With a contrast: 1 if the
  /// continuation wins as in `answered_right`, else 0.
  at::Tensor answer;
  at::Tensor right;  ///< [n_rows] bool: whether the row is answered right, as `answered_right`.
  /// [n_rows] float64: log-probability of the right next token, in nats. Undefined unless asked
  /// for.
  at::Tensor log_probability;

  int64_t n_rows() const { return answer.size(0); }
  double accuracy() const;  ///< Share of rows answered right.
};

/// The outcomes of some states, on the CPU. Takes one product with the whole unembedding, but for
/// rows with a contrast and without log-probabilities.
/// @param states, place, answers, contrast  as for `answered_right`.
Outcomes outcomes_of(const Model& model, const at::Tensor& states, const at::Tensor& place, const at::Tensor& answers,
                     const std::optional<Contrast>& contrast, bool with_log_probability = false);

/// Share of the rows that are true. @param rows  [n_rows] bool, n_rows > 0.
double share_of_rows(const at::Tensor& rows);

/// Refuses continuations of several tokens where one state answers a row.
/// @param who  begins the message: "DAS".
/// @throws Error (kInput).
void require_single_tokens(const Dataset& data, std::string_view who);

/// Judges a model's answers on a data set, at the last token of each row, as `answered_right`:
/// arithmetic tasks by the most likely next token, language tasks by `Dataset::contrast`. Rows that
/// end at the same node are answered once. Of whole continuations, the sum of the log-probabilities
/// of the tokens is compared, each token predicted behind those before it.
class Behaviour {
 public:
  explicit Behaviour(const Dataset& data);

  /// [n] int64: the distinct nodes whose states the answers need.
  const at::Tensor& read_nodes() const { return last_.nodes; }
  int64_t n_rows() const { return answers_.size(0); }

  /// Which rows are answered right, [n_rows] bool on the CPU.
  /// @param states  [n, d_model] end of the stream at `read_nodes`.
  at::Tensor right(const Model& model, const at::Tensor& states) const;
  /// Share of rows answered right.
  /// @param states  [n, d_model] end of the stream at `read_nodes`.
  double accuracy(const Model& model, const at::Tensor& states) const;

  /// As `accuracy`, but rows that end at one node may have different states.
  /// @param states  [n_rows, d_model] end of the stream, one state per row.
  double accuracy_by_row(const Model& model, const at::Tensor& states) const;

  /// Effect of an intervention. Takes two products with the whole unembedding.
  /// @param states     [n, d_model] under the intervention, as for `accuracy`.
  /// @param untouched  [n, d_model] of the untouched model.
  NextTokenEffect effect(const Model& model, const at::Tensor& states, const at::Tensor& untouched) const;

 private:
  /// Whether the continuation of each row wins, [n_rows] bool, by whole continuations.
  at::Tensor whole_wins(const Model& model, const at::Tensor& states) const;

  DistinctNodes last_;  ///< Of each row or, of whole continuations, of each token that there is.
  at::Tensor answers_;  ///< [n_rows] int64.
  std::optional<Contrast> contrast_;
};

/// The untouched model on a data set, which interventions are compared with.
struct Untouched {
  double accuracy = 0;
  at::Tensor states;  ///< [n, d_model] end of the stream at Behaviour::read_nodes.
};

/// Runs the untouched model from a site to the end.
/// @param stream  of all nodes of `data` at `site`.
Untouched run_untouched(const Model& model, const Dataset& data, const Stream& stream, Site site);

}  // namespace cprobe
