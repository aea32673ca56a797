#pragma once

#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// The answers to all questions about all findings of a report's runs, as JSON (`cprobe report
/// --format json`; docs/file_formats.md). Each run is judged alone (record/judged.h).
std::string findings_json(const ReportData& data);

}  // namespace cprobe
