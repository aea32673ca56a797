#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/model/forward.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Seconds that a cell takes to decode its variable, with any masks.
struct DecodingCost {
  double own = 0;       ///< Circuit and component: by nearest neighbours, losses, and question 1.
  double per_null = 0;  ///< Question 1 for one null circuit.
};

/// Measures decoding in the first layer, which costs as much as in any other.
/// @param cell      its block, variable, position and batch size count.
/// @param new_rows  where residual streams are kept.
/// @throws Error as probe_cell.
DecodingCost measured_decoding(const Spec& spec, Cell cell, const RunData& data, const NewRows& new_rows);

/// Seconds of the exchanges of some rows.
struct ExchangeCost {
  int64_t n_nodes = 0;   ///< Nodes of the rows that were exchanged (nodes_exchanged).
  double own = 0;        ///< Donors of the variable; the whole component, and a half of it.
  double per_null = 0;   ///< Donors of one null variable; the whole component.
  double per_units = 0;  ///< The paths through one set of units, and all other paths.
};

/// Measures exchanges in the first layer, of some rows: about twenty short sentences, or more with
/// a small model.
/// @param cell  as for `measured_decoding`.
/// @return      none if rows have no donors, or no null variable exists.
/// @throws Error as probe_cell.
std::optional<ExchangeCost> measured_exchange(const Spec& spec, Cell cell, const RunData& data);

/// The nodes of all rows that a cell exchanges, on all sets together.
int64_t nodes_exchanged_by(const Spec& spec, const Cell& cell, const RunData& data);

/// The number of null variables of a cell: as many as exist, if this is known.
int64_t n_null_variables(const Spec& spec, const RunData& data, const Cell& cell);

/// The evaluation sets on which exchanges of a variable are measured: those that have the variable.
std::vector<const Dataset*> exchanged_sets(const RunData& data, const std::string& variable);

}  // namespace cprobe
