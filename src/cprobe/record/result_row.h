#pragma once

#include <cstdint>
#include <string>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// The part of findings_codec.h that is about a cell's line of results.csv.
/// @param asked  ablations that the spec asks for, which decide the columns.
ResultRow encode_row(const ProbedCell& cell, const AblationOptions& asked);

/// What a cell's line of results.csv says that its metrics do not.
struct DecodedRow {
  std::string id;
  CellSettings settings;
  int64_t n_knn_draws = 1;  ///< Draws of exemplars.
};

/// @throws Error (kFailed) if a figure is no number.
DecodedRow decode_row(const ResultRow& row);

}  // namespace cprobe
