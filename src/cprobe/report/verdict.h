#pragma once

#include <string>
#include <vector>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

/// The verdict on a variable: where it is present, whether it was made there, and where the
/// behaviour needs the weights.
/// @param findings  at least one; all of one variable, series, step and options.
/// @param data      the label of a data set; findings without it are left out.
std::string verdict_text(const std::vector<const ReportedFinding*>& findings, const std::string& data);

/// What a negative control was made of, and what its answers mean; empty for an empty `control`.
/// @param control  as ReportedFinding::control.
std::string control_text(const std::string& control);

}  // namespace cprobe
