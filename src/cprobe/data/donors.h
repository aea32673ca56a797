#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/types.h"

namespace cprobe {

/// Some rows of a data set, each with two donors: rows that are the same but for the tokens of
/// their type.
struct DonorRows {
  at::Tensor rows;  ///< [n] int64, ascending: numbers of rows of the data set.
  std::vector<std::vector<int64_t>> base;
  /// A donor of another type with the same value, and one with another value.
  std::vector<std::vector<int64_t>> same_value, other_value;
};

/// Draws rows and their donors. A row without another type of its value, or without a type of
/// another value, is not drawn.
/// @param set       place of the data set in `types.of_rows`.
/// @param values    [n_types] int64: the variable's values, or those of a null variable.
/// @param n_rows    at most.
/// @return          none if the types are no tokens at known positions, or no row has donors.
std::optional<DonorRows> donor_rows(const Dataset& data, size_t set, const Types& types, const at::Tensor& values,
                                    int64_t n_rows, Seed seed);

}  // namespace cprobe
