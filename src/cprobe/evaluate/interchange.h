#pragma once

#include "cprobe/evaluate/patching.h"
#include "cprobe/evaluate/probed_site.h"

namespace cprobe {

/// Base and source runs of interchange interventions (Geiger et al. 2021) at the probed site. Each
/// pair is a row of a data set, the base, and the row's source. Refers to the model, which must
/// outlive the pairs.
struct InterchangePairs {
  Patching patching;      ///< Of the base rows.
  at::Tensor base;        ///< [n, d_model]: states of the base rows.
  at::Tensor difference;  ///< [n, d_model]: states of the sources minus `base`.
  /// [n] int64: the right answer if the variable alone had the source's value.
  at::Tensor answers;
  /// [n] bool: whether `answers` differs from the base row's own answer.
  at::Tensor changed;
  std::optional<Contrast> contrast = {};  ///< How answers are judged, as Dataset::contrast.

  int64_t n() const { return base.size(0); }
  /// Some of the pairs. @param rows [m] int64, distinct.
  InterchangePairs of_rows(const at::Tensor& rows) const;
};

/// The variable's Dataset::counterfactual_answers.
/// @throws Error (kInput) if there are none; names the variables that have answers.
const at::Tensor& require_answers(const Dataset& data, const std::string& variable);

/// All pairs of a data set.
/// @throws Error (kInput) if
///   - the data set has no sources;
///   - the variable has no counterfactual answers;
///   - a source has no token at the probed position.
InterchangePairs interchange_pairs(const ProbedSite& probed, const ProbedSet& set);

/// The directions R of a state x that an intervention takes from the source, with weights w:
///
///     x -> x + (source - x) R diag(w) R^T
struct Alignment {
  at::Tensor rotation;  ///< [d_model, n_directions], columns orthonormal.
  at::Tensor weights;   ///< [n_directions] in [0, 1]; undefined: all 1.
};

/// Next-token logits at the last token of each base row after the intervention, [n, vocab].
/// Differentiable in rotation and weights.
at::Tensor interchange_logits(const Model& model, const InterchangePairs& pairs, const Alignment& alignment);

/// Interchange intervention accuracy: the share of pairs that are answered right
/// (`answered_right`). The right answer is the counterfactual one.
struct InterchangeAccuracy {
  double all = 0;  ///< Of all pairs.
  /// Of the pairs whose counterfactual answer differs from the base row's own; 0 if there are none.
  double changed = 0;
};
InterchangeAccuracy interchange_accuracy(const Model& model, const InterchangePairs& pairs, const Alignment& alignment);

}  // namespace cprobe
