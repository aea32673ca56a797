#pragma once

#include <filesystem>
#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Whether this program was built with Plotly inside, which pages need.
bool can_make_pages();

/// A self-contained page (docs/report.md), about 4.6 MB of which are Plotly. @throws Error (kFailed) where
/// can_make_pages() is false, saying what to do.
std::string report_page(const ReportData& data);

}  // namespace cprobe
