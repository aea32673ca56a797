#pragma once

#include <optional>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// The findings of a cell in the form that the record keeps: the cell's line of results.csv and its
/// lines of metrics.csv (docs/file_formats.md). Only this codec knows the names of these columns
/// and figures.
struct EncodedFindings {
  /// The reference's columns, with its names (leading spaces included) and in its order, then ours.
  /// Cells of one spec and block have the same columns. An empty text stands for a figure that was
  /// asked for and does not exist, such as random controls of an empty circuit.
  ResultRow row;
  std::vector<Metric> metrics;
};

/// @param asked  ablations that the spec asks for, which decide the columns.
EncodedFindings encode(const ProbedCell& cell, const AblationOptions& asked);

/// The reverse of `encode`: `decode(encode(cell, asked)) == cell`, except that the majority
/// baselines of `full_knn` become those of `knn`. Figures that a record of an earlier version lacks
/// get their defaults.
/// @throws Error (kFailed) if a figure is no number.
ProbedCell decode(const EncodedFindings& encoded);

/// A circuit of a path; none if the metric is another.
std::optional<Findings::PathStep> decode_path_step(const Metric& metric);

}  // namespace cprobe
