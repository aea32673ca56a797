#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <optional>

#include "cprobe/evaluate/interchange.h"
#include "cprobe/evaluate/type_means.h"

namespace cprobe {

// Other sources for the rows of a data set, among its own rows. A null variable takes the
// variable's place in an interchange if the source is a row in which the null variable has the
// value that the variable has in the row's own source: the counterfactual answer then stays.

/// The source of each row as a row of the same data set, [n_rows] int64: the first one with the
/// same tokens. None if the data set has no sources, or one is no row of the data set.
std::optional<at::Tensor> source_rows(const Dataset& data);

/// Rows with a source each.
struct RowsWithSources {
  at::Tensor rows;     ///< [n] int64, ascending.
  at::Tensor sources;  ///< [n] int64: a row of the same data set.
};

/// Draws a source for each row, uniformly among all rows whose value is the wanted one. Rows
/// without any are left out.
/// @param wanted  [n_rows] int64: the value that each row's source should have.
/// @param values  [n_rows] int64: the value in each row.
/// @param types   [n_rows] int64: no source has the row's own type. Undefined: any source will do.
RowsWithSources draw_sources(const at::Tensor& wanted, const at::Tensor& values, const at::Tensor& types,
                             at::Generator& generator);

/// The pairs of some rows with other sources.
/// @param pairs  of all rows of a data set, in order.
InterchangePairs with_sources(const InterchangePairs& pairs, const RowsWithSources& others);

/// Means of a figure over pairs of the row's and the source's type, for an interval that
/// generalises over both: pairs are alike if a type is in both.
/// @param figure           [n] float64.
/// @param types, sources   [n] int64: type of each row, and of its source.
std::vector<TypeMean> pair_means(const at::Tensor& figure, const at::Tensor& types, const at::Tensor& sources,
                                 const Types& all_types);

}  // namespace cprobe
