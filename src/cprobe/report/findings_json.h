#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cprobe/record/judged_words.h"
#include "cprobe/report/report_data.h"

namespace cprobe {

/// The answers to all questions about all findings of a report's runs, and those of comparison
/// methods, as JSON (`cprobe report --format json`; docs/commands.md). Each run is judged alone
/// (record/judged.h). Models that repeat each other are tested together, too.
std::string findings_json(const ReportData& data);

/// The answer to a question about exchange, with the shares of rows behind it.
/// @param question  &JudgedFinding::through_component or through_units.
nlohmann::ordered_json through_json(const JudgedFinding& finding, Question question);

}  // namespace cprobe
