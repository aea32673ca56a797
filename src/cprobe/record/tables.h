#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/record/store.h"

namespace cprobe {

/// One field of a row of results.csv as text; empty where the row has no such column.
std::string value_of(const Store::Fields& row, std::string_view column);

/// The same as a number; none where there is no figure.
std::optional<double> number_of(const Store::Fields& row, std::string_view column);

/// A figure of a row, with the deviation in another of its columns where that has one: "0.991 ± 0.003"; "-" where there
/// is none.
std::string figure_of(const Store::Fields& row, std::string_view column, std::string_view sd = "");

/// p of the ablation on a data set, as p_number; "-" where there is none.
std::string p_of(const Store::Fields& row, std::string_view set);

/// Labels of the data sets on which a row has ablations, in the spec's order.
std::vector<std::string> behaviours_of(const Store::Fields& row);

/// The first of them, whose ablations tables show; empty where there is none.
std::string first_behaviour(const Store::Fields& row);

/// A dimension of a run's grid that tables show where cells differ in it.
struct GridColumn {
  std::string column;   ///< Of results.csv.
  std::string heading;  ///< As people call it.
};
/// Seed, position, learning rate, batch size, mask method and its option.
std::vector<GridColumn> grid_columns();

/// Finished cells of a store as an aligned text table: what was probed (grid dimensions with several values have a
/// column each), decodability, circuit size, behaviour with the circuit ablated, and the finding in words. Where several
/// cells have a p there is a second, adjusted for their number (holm), and a line below the table where too few random
/// controls were drawn for it to reach .05 in any cell.
std::string results_table(const Store& store);

/// The same, every field of results.csv: one JSON object per finished cell and line; null where a figure does not
/// exist.
std::string results_json(const Store& store);

/// The figures of competing methods as an aligned text table: a line for each, with the values of its controls
/// behind it and its note.
std::string methods_table(const Store& store);

/// The same, one JSON object per line of metrics.csv; null where a figure does not exist.
std::string methods_json(const Store& store);

}  // namespace cprobe
