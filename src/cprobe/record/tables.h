#pragma once

#include <string>

#include "cprobe/record/store.h"

namespace cprobe {

/// In place of a figure that does not exist.
inline constexpr const char* kNoFigure = "-";

/// "0.991 ± 0.003", kNoFigure where there is no figure. @param figure may be null.
std::string figure_text(const Spread* figure);

/// The accuracy of an ablation; p as p_number. kNoFigure where there is none. @param ablation may be null.
std::string accuracy_text(const AblationResult* ablation);
std::string p_text(const AblationResult* ablation);

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
