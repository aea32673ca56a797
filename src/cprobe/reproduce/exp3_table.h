#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// The model after some training steps, and what was found in it.
struct EmergenceCheckpoint {
  int64_t step = 0;
  std::vector<ProbedCell> cells;  ///< `var_0` (a^2) and `aux_0` (b^2) in both blocks.
  /// Of boundless DAS for `var_0` at `L0.mid` and `L0.post`, where it was run.
  std::vector<RecordedMetric> figures = {};
};

/// One training run of Experiment 3.
struct Emergence {
  uint64_t seed = 0;
  std::vector<std::pair<int64_t, double>> test_accuracy;  ///< Step and accuracy, of every point of the curve, by step.
  std::vector<EmergenceCheckpoint> checkpoints;           ///< By step; each step is on the curve.
};

/// emergence.csv: `seed, step, test_accuracy`, and of each variable and block `<variable>_<block>_` with `knn` (test
/// accuracy of the circuit), `knn_full` (of the whole block), `weights` (share in the circuit) and `ablated` (test
/// accuracy of the task with the circuit deleted; empty where it has no weights). Where DAS was run, `var_0_mid_das` and
/// `var_0_post_das`, its interchange accuracy.
std::string emergence_csv(const std::vector<Emergence>& runs);

/// Figures of every checkpoint (mean and standard deviation over runs) with the published ones in brackets, and in words
/// for each run at which step the circuit of a^2 decodes it, when the model generalises, and how much later that is.
std::string experiment3_table(const std::vector<Emergence>& runs);

}  // namespace cprobe
