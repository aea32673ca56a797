#pragma once

#include <vector>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

/// Tests the questions about findings over models, and sets ReportedSet::models and over_models.
/// Models are runs of one series, step and negative control. A family is all of their findings on
/// one data set and question.
///   - A finding that some model has no test of is left out of the family.
///   - Nothing is tested over models that are judged by different rules.
///   - Several runs of one model replicate nothing.
void add_over_models(std::vector<ReportedFinding>& findings, const ReportData& data);

}  // namespace cprobe
