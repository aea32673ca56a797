#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// Labels of the data sets on which circuits are ablated: the test set of their own task, and of the other one.
inline constexpr const char* kOwnTask = "Same";
inline constexpr const char* kOtherTask = "Different";

/// The finished run of one task in one model.
struct Experiment2Run {
  uint64_t seed = 0;              ///< Of the model.
  size_t task = 0;                ///< 0 or 1.
  std::vector<ProbedCell> cells;  ///< With each matrix's part ablated alone.
};

/// Experiment 2 as text: circuits and what ablating them does to both tasks, with the published figures in brackets; the
/// same for the c_attn part alone, about which the paper's claim is; and in words in how many models the free variables
/// live in weights of their own task, and the shared one in weights of both.
/// @param runs both tasks of each seed.
std::string experiment2_table(const std::vector<Experiment2Run>& runs);

}  // namespace cprobe
