#pragma once

#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Whether this program was built with Plotly, which pages need.
bool can_make_pages();

/// A self-contained HTML page (docs/report.md), with about 4.6 MB of Plotly.
/// @throws Error (kFailed), saying what to do, if can_make_pages() is false.
std::string report_page(const ReportData& data);

}  // namespace cprobe
