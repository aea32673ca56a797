#pragma once

#include <vector>

#include "cprobe/evaluate/metric.h"
#include "cprobe/probe/findings.h"

namespace cprobe {

/// The part of findings_codec.h that is about questions 1, 3 and 4 (docs/statistics.md): Findings'
/// types, null circuits, presence and exchanges.

/// Appends the metrics of these questions.
void encode_questions(std::vector<Metric>& list, const Findings& findings);

/// Reads a metric, in the order in which `encode_questions` writes them.
/// @return whether the metric is one of these.
bool decode_question(Findings& findings, const Metric& metric);

/// What a figure of these questions is of: "circuit", "component", "complement", ... Empty for
/// other figures, and where the control says it.
/// @param figure  the metric's name without the data set. @param control  of the metric.
std::string_view question_is_of(std::string_view figure, std::string_view control);

}  // namespace cprobe
