#pragma once

#include <string>

#include "cprobe/report/page_frame.h"
#include "cprobe/report/report_data.h"

namespace cprobe {

/// A page about runs (docs/report.md).
/// @throws Error as framed_page.
std::string report_page(const ReportData& data);

}  // namespace cprobe
