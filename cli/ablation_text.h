#pragma once

#include <string>
#include <vector>

#include "cli/next_tokens.h"
#include "cprobe/probe/findings.h"

namespace cprobe {

/// Ablations on one or more data sets, the untouched model first: as an aligned table for people ...
std::string ablations_table(const std::vector<Findings::OnEvaluationSet>& evaluation_sets);
/// ... and as JSON for programs, one object per ablation and line.
std::string ablations_json(const std::vector<Findings::OnEvaluationSet>& evaluation_sets);

/// The next tokens after one text by the untouched model and without the circuit, side by side. Probabilities are what
/// compares the two: logits have a zero of their own in each.
std::string next_tokens_table(const NextTokens& untouched, const NextTokens& ablated);

}  // namespace cprobe
