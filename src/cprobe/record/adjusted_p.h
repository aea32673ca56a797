#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// The level of significance is 1 / kReciprocalLevel = .05, as usual. The whole number keeps
/// comparisons exact.
inline constexpr int64_t kReciprocalLevel = 20;

/// The p-values of a run's cells, adjusted for their number by Holm's method
/// (evaluate/statistics.h).
struct AdjustedP {
  std::vector<std::optional<double>> of_cell;  ///< In the order of the cells; none without a p.
  int64_t n_tests = 0;                         ///< Cells with a p.
  int64_t n_controls = 0;                      ///< Random controls per p; the most if cells differ.

  bool is_shown() const { return n_tests > 1; }  ///< A single test needs no adjustment.

  /// Says, as a line for below a table, that n_controls are too few: even the least p,
  /// 1 / (1 + n_controls), times n_tests is above the level. Empty if n_controls suffice.
  std::string note() const;
};

/// Adjusts the p-values of ablations of whole circuits under the first fill.
/// @param data_set  label of the evaluation set; empty: the first set of each cell.
AdjustedP adjusted_p(const std::vector<ProbedCell>& cells, const std::string& data_set = {});

}  // namespace cprobe
