#pragma once

#include <string>
#include <vector>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

/// The verdict on a variable: where it is present, whether it was made there, and where the
/// behaviour needs the weights; and whether it is present in negative controls as well.
/// @param findings  at least one; all of one variable, series, step and options.
/// @param data      the label of a data set; findings without it are left out.
/// @param all       all findings of the report, which `in_controls` of `findings` refer to.
std::string verdict_text(const std::vector<const ReportedFinding*>& findings, const std::string& data,
                         const std::vector<ReportedFinding>& all = {});

}  // namespace cprobe
