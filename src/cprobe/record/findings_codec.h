#pragma once

#include <string>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// The findings of a cell in the form in which the record keeps them: its line of results.csv and its lines of metrics.csv
/// (docs/file_formats.md). Only this codec knows the names of their columns and figures.
struct EncodedFindings {
  /// The reference's columns with its names and order (leading spaces included), then ours. Cells of one spec and block
  /// have the same columns: a figure that was asked for and does not exist (random controls of an empty circuit) is an
  /// empty text.
  ResultRow row;
  std::vector<Metric> metrics;
};

/// @param asked the ablations that the spec asks for.
EncodedFindings encode(const ProbedCell& cell, const AblationOptions& asked);

/// The reverse: `decode(encode(cell, asked)) == cell`, but for the majority baselines of `full_knn`, which are those of
/// `knn`. Figures that a record of an earlier version lacks keep their defaults.
/// @throws Error (kFailed) if a figure is no number.
ProbedCell decode(const EncodedFindings& encoded);

}  // namespace cprobe
