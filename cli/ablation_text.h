#pragma once

#include <string>
#include <vector>

#include "cli/next_tokens.h"
#include "cprobe/probe/findings.h"

namespace cprobe {

/// Ablations on one or more evaluation sets, the untouched model first, as an aligned table for
/// people.
std::string ablations_table(const std::vector<Findings::OnEvaluationSet>& evaluation_sets);
/// Ablations as in `ablations_table`, as JSON for programs: one object per line, for the untouched
/// model and for each ablation.
std::string ablations_json(const std::vector<Findings::OnEvaluationSet>& evaluation_sets);

/// The next tokens after one text, by the untouched model and with the circuit ablated, side by
/// side. Only probabilities can be compared: the logits of each model have a zero of their own.
std::string next_tokens_table(const NextTokens& untouched, const NextTokens& ablated);

}  // namespace cprobe
