#pragma once

#include <vector>

#include "cprobe/record/judged_methods.h"
#include "cprobe/report/report_data.h"

namespace cprobe {

/// An answer of a comparison method in one run.
struct ReportedMethod {
  size_t run = 0;  ///< Index in ReportData::runs.
  JudgedMethod judged;
};

/// The answers of comparison methods in a report, run by run.
std::vector<ReportedMethod> reported_methods(const ReportData& data);

}  // namespace cprobe
