#pragma once

#include <vector>

#include "cprobe/evaluate/intervals.h"
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

/// Adds the ends of an interval, which are those of the figure minus the mean of its nulls.
Metric with_interval(Metric metric, const Interval& interval);

/// The interval that `with_interval` added. @param mean  of the figure minus the mean of its nulls.
Interval interval_of(const Metric& metric, double mean);

}  // namespace cprobe
