#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// The level of significance that people ask for, .05, as 1 / 20: compared in whole numbers.
inline constexpr int64_t kReciprocalLevel = 20;

/// The p-values of a run's cells, adjusted for their number by Holm's method (evaluate/statistics.h).
struct AdjustedP {
  std::vector<std::optional<double>> of_cell;  ///< None where a cell has no p.
  int64_t n_tests = 0;                         ///< Cells with a p.
  int64_t n_controls = 0;                      ///< Behind the p-values; the most where cells differ.

  bool is_shown() const { return n_tests > 1; }

  /// That even the least p, 1 / (1 + N), times the number of tests is above the level; empty where it is not.
  std::string note() const;
};

/// Of the first fill's ablations of whole circuits. @param data_set whose ablations are meant; empty: each cell's first.
AdjustedP adjusted_p(const std::vector<ProbedCell>& cells, const std::string& data_set = {});

}  // namespace cprobe
