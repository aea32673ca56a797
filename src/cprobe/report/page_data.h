#pragma once

#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// What page/*.js reads, as one line of JSON in ASCII that may stand inside <script>: <, > and & are escapes. Curves are
/// thinned so that all of them together stay below a megabyte; figures have six significant digits; what does not exist
/// or is no number is null.
std::string page_json(const ReportData& data);

}  // namespace cprobe
