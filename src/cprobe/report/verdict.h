#pragma once

#include <string>
#include <vector>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

/// Two sentences with figures on one component: whether there is a circuit, and whether the circuit
/// decodes the variable.
std::string finding_text(const ReportedFinding& finding);

/// A sentence with figures, p and n: whether the behaviour on an evaluation set depends on the
/// circuit beyond random controls. Empty if the circuit is empty.
std::string dependence_text(const ReportedFinding& finding, const std::string& data);

/// The verdict on a variable: answers the questions of `finding_text`, and of `dependence_text`,
/// over all components.
/// @param findings  at least one; all of one variable, series, step and options.
std::string verdict_text(const std::vector<const ReportedFinding*>& findings);
std::string dependence_verdict(const std::vector<const ReportedFinding*>& findings, const std::string& data);

}  // namespace cprobe
