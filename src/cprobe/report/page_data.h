#pragma once

#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// The data that page/*.js reads: one line of JSON in ASCII, with <, > and & escaped so that the
/// line may stand inside <script>. Curves are thinned so that all curves together stay below a
/// megabyte. Figures have six significant digits. A figure that does not exist or is no number is
/// null.
std::string page_json(const ReportData& data);

}  // namespace cprobe
