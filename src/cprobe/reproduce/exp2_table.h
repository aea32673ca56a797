#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// Labels of the evaluation sets: the test sets of a circuit's own task and of the other task.
inline constexpr const char* kOwnTask = "Same";
inline constexpr const char* kOtherTask = "Different";

/// The finished run of one task in one model.
struct Experiment2Run {
  uint64_t seed = 0;              ///< Seed of the model.
  size_t task = 0;                ///< 0 or 1.
  std::vector<ProbedCell> cells;  ///< Probed with AblationOptions::per_matrix.
};

/// Experiment 2 as text, with the published figures in brackets:
///   - a table of circuits, and of the accuracy on both tasks with each circuit ablated;
///   - a table of the accuracies with only the c_attn part ablated, which the paper's claim is
///     about, and the difference between tasks beside that of random sets, with p;
///   - in words, in how many models the free variables live in weights of their own task, and the
///     shared variable in weights of both tasks;
///   - the answers on each circuit's own task.
/// @param runs  both tasks of each seed.
std::string experiment2_table(const std::vector<Experiment2Run>& runs);

}  // namespace cprobe
