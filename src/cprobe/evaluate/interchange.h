#pragma once

#include "cprobe/evaluate/patching.h"
#include "cprobe/evaluate/probed_site.h"

namespace cprobe {

/// Rows of a data set at the probed site, each with its source: base and source runs of interchange interventions (Geiger
/// et al. 2021). Refers to the model, which must outlive it.
struct InterchangePairs {
  Patching patching;      ///< Of the base rows.
  at::Tensor base;        ///< [n, d_model]: the base rows' states.
  at::Tensor difference;  ///< [n, d_model]: the sources' states, minus them.
  at::Tensor answers;     ///< [n] int64: what the model should say if the variable alone had the source's value.
  at::Tensor changed;     ///< [n] bool: that is not the base row's own answer.
  std::optional<Contrast> contrast = {};  ///< As of Dataset: how answers are judged.

  int64_t n() const { return base.size(0); }
  /// Some of the pairs. @param rows [m] int64, distinct.
  InterchangePairs of_rows(const at::Tensor& rows) const;
};

/// Dataset::counterfactual_answers. @throws Error (kInput) if there are none, saying for which variables there are.
const at::Tensor& require_answers(const Dataset& data, const std::string& variable);

/// All pairs of a data set. @throws Error (kInput) if the set has no sources, no answers for the variable, or a source
/// without a token at the probed position.
InterchangePairs interchange_pairs(const ProbedSite& probed, const ProbedSet& set);

/// The directions of a state that are taken from the source: x -> x + (source - x) R diag(w) R^T.
struct Alignment {
  at::Tensor rotation;  ///< [d_model, n_directions], columns orthonormal.
  at::Tensor weights;   ///< [n_directions] in [0, 1]; undefined: all 1.
};

/// Next-token logits at the last token of each base row after the intervention, [n, vocab]; differentiable in rotation
/// and weights.
at::Tensor interchange_logits(const Model& model, const InterchangePairs& pairs, const Alignment& alignment);

/// Interchange intervention accuracy: the share of pairs that are answered right (`answered_right`), the counterfactual
/// answer being the right one.
struct InterchangeAccuracy {
  double all = 0;
  double changed = 0;  ///< Of pairs whose counterfactual answer is not the base row's own; 0 where there are none.
};
InterchangeAccuracy interchange_accuracy(const Model& model, const InterchangePairs& pairs, const Alignment& alignment);

}  // namespace cprobe
