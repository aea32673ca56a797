#pragma once

#include <string>

#include "cprobe/record/store.h"

namespace cprobe {

/// Stands for a figure that does not exist.
inline constexpr const char* kNoFigure = "-";

/// "0.991 ± 0.003"; kNoFigure if `figure` is null.
std::string figure_text(const Spread* figure);

/// The accuracy of an ablation, and its p as `p_number` writes p. kNoFigure if the figure does not
/// exist or `ablation` is null.
std::string accuracy_text(const AblationResult* ablation);
std::string p_text(const AblationResult* ablation);

/// The finished cells of circuit probing of a store as an aligned text table. Its columns:
///   - what was probed: variable, component, and each dimension of the grid in which cells differ;
///   - decodability, size of the circuit, and task accuracy on the first evaluation set: untouched,
///     with the circuit ablated, with random controls ablated, and p;
///   - if several cells have a p: p adjusted for their number (holm);
///   - whether the circuit is empty, a proper part or full.
/// A line below the table names evaluation sets that are not shown. Another line tells if too few
/// random controls were drawn for any adjusted p to reach .05.
std::string results_table(const Store& store);

/// Every field of results.csv as JSON: one object per finished cell and line; null for a figure
/// that does not exist.
std::string results_json(const Store& store);

/// The figures of comparison methods as an aligned text table: a line for each figure, with the
/// values of its controls and its note.
std::string methods_table(const Store& store);

/// The lines of metrics.csv of comparison methods as JSON: one object per line; null for a figure
/// that does not exist.
std::string methods_json(const Store& store);

}  // namespace cprobe
