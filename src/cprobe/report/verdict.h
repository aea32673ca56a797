#pragma once

#include <string>
#include <vector>

#include "cprobe/report/findings.h"

namespace cprobe {

/// What was found in one component, in a sentence each and with figures: is there a circuit, does it decode the variable.
std::string finding_text(const ReportedFinding& finding);

/// Does the behaviour on a data set depend on it beyond random controls: a sentence with figures, p and n. Empty where
/// there is nothing to delete.
std::string dependence_text(const ReportedFinding& finding, const std::string& data);

/// The verdict on a variable: the same questions over all components.
/// @param findings of one variable, series, step and options; at least one.
std::string verdict_text(const std::vector<const ReportedFinding*>& findings);
std::string dependence_verdict(const std::vector<const ReportedFinding*>& findings, const std::string& data);

}  // namespace cprobe
