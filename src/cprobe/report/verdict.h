#pragma once

#include <string>
#include <vector>

#include "cprobe/report/findings.h"

namespace cprobe {

/// What was found in one component, in three sentences at most: is there a circuit, does it decode the variable, does
/// the behaviour (of the first data set) depend on it beyond random controls; with figures, p and n.
std::string finding_text(const Finding& finding);

/// The verdict on a variable: the same questions over all components.
/// @param findings of one variable, series, step and options; at least one.
std::string verdict_text(const std::vector<const Finding*>& findings);

}  // namespace cprobe
