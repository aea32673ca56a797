#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cprobe/probe/cell_settings.h"
#include "cprobe/record/recorded.h"

namespace cprobe {

/// The columns of metrics.csv that say apart what a metric's name says together, and the settings
/// of its cell (docs/file_formats.md). They stand to the right of the columns of the record.
std::vector<std::string> metric_column_names();

/// The fields of these columns, for each metric of one cell. A setting that the record does not
/// have is empty.
/// @param of_cell   all metrics of one cell, in the order of the record; at least one.
/// @param settings  of the cell. Of a comparison method's cell only the task, model, protocol and
///                  control are used, none of the options of mask training.
std::vector<std::vector<std::string>> metric_columns(const std::vector<RecordedMetric>& of_cell,
                                                     const std::optional<CellSettings>& settings);

}  // namespace cprobe
