#pragma once

#include <map>
#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// The most pairs of circuits that a report compares.
inline constexpr size_t kMostOverlaps = 300;

/// Reads the circuit files of one run, whose cells are the last in `data`. Adds:
///   - the units of each circuit per weight matrix;
///   - the units per attention head, if the model's config.json still exists;
///   - the overlaps of circuits of one component;
///   - the model's fingerprint;
///   - notes on what is missing.
/// @param first  index of the run's first cell in ReportData::cells.
/// @param files  identity of a cell -> circuit file, relative to the run folder.
/// @throws Error (kInterrupted) once a stop is requested.
void add_circuit_details(ReportData& data, size_t first, const std::map<std::string, std::string>& files);

}  // namespace cprobe
