#pragma once

#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/patching.h"
#include "cprobe/evaluate/probed_site.h"

namespace cprobe {

/// Pairs of rows for interchange interventions (Geiger et al. 2021). A pair is a row of a data set
/// (the base) and the row's source, another row. An intervention replaces part of the base row's
/// state at the probed site by the same part of the source's state. Refers to the model, which must
/// outlive the pairs.
struct InterchangePairs {
  Patching patching;      ///< Runs the model from the site on, with base states replaced.
  at::Tensor base;        ///< [n, d_model]: states of the base rows at the probed site.
  at::Tensor difference;  ///< [n, d_model]: states of the sources, minus `base`.
  /// [n] int64: the counterfactual answers, which would be right if only the probed variable had
  /// the source's value.
  at::Tensor answers;
  /// [n] bool: whether `answers` differs from the base row's own answer.
  at::Tensor changed;
  std::optional<Contrast> contrast = {};  ///< The base rows' Dataset::contrast, if there is one.

  int64_t n() const { return base.size(0); }
  /// Selects some of the pairs. @param rows  [m] int64: numbers of pairs, distinct.
  InterchangePairs of_rows(const at::Tensor& rows) const;
};

/// The counterfactual answers of a variable (Dataset::counterfactual_answers).
/// @throws Error (kInput)
///   - if the data set has no sources; says what a data set needs for them;
///   - if the variable has no counterfactual answers; names the variables that have some.
const at::Tensor& require_answers(const Dataset& data, const std::string& variable);

/// Makes the pairs of all rows of a data set.
/// @throws Error (kInput) if
///   - the data set has no sources;
///   - the variable has no counterfactual answers;
///   - a source has no token at the probed position.
InterchangePairs interchange_pairs(const ProbedSite& probed, const ProbedSet& set);

/// What part of a base row's state x an intervention replaces: the directions R (`rotation`), with
/// weights w. States are row vectors, and s is the state of the source:
///
///     x -> x + (s - x) R diag(w) R^T
struct Alignment {
  at::Tensor rotation;  ///< [d_model, n_directions], columns orthonormal.
  at::Tensor weights;   ///< [n_directions], in [0, 1]. Undefined: all 1.
};

/// The logits of the next token at the end of each base row, after the intervention. Differentiable
/// in rotation and weights.
/// @return  [n, vocab].
at::Tensor interchange_logits(const Model& model, const InterchangePairs& pairs, const Alignment& alignment);

/// What the model answers to each base row after the intervention. `right` is by the counterfactual
/// answer. Without gradients.
Outcomes interchange_outcomes(const Model& model, const InterchangePairs& pairs, const Alignment& alignment);

/// Interchange intervention accuracy: the share of pairs for which the model gives the
/// counterfactual answer after the intervention, as judged by `answered_right` (behaviour.h).
struct InterchangeAccuracy {
  double all = 0;  ///< Share of all pairs.
  /// Share of the pairs whose counterfactual answer differs from the base row's own answer. 0 if no
  /// pair is such.
  double changed = 0;
};
InterchangeAccuracy interchange_accuracy(const Model& model, const InterchangePairs& pairs, const Alignment& alignment);

}  // namespace cprobe
