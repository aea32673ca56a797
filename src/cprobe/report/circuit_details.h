#pragma once

#include <map>
#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Pairs of circuits that a report compares, at most.
inline constexpr size_t kMostOverlaps = 300;

/// Reads the circuit files of one run's cells, which are the last in `data`: units per matrix and, where the model's
/// config.json is still there, per head; overlaps of circuits of one component; the model's fingerprint. What is missing
/// is left out with a note.
/// @param first the run's first cell. @param files by cell, relative to the run folder.
/// @throws Error (kInterrupted) once a stop is requested.
void add_circuit_details(ReportData& data, size_t first, const std::map<std::string, std::string>& files);

}  // namespace cprobe
