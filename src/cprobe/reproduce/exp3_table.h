#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// What was found in a model after some training steps.
struct EmergenceCheckpoint {
  int64_t step = 0;
  std::vector<ProbedCell> cells;  ///< `var_0` (a^2) and `aux_0` (b^2) in both blocks.
  /// Figures of boundless DAS for `var_0` at `L0.mid` and `L0.post`; empty if DAS was not run.
  std::vector<RecordedMetric> figures = {};
};

/// One training run of Experiment 3.
struct Emergence {
  uint64_t seed = 0;
  /// Step and accuracy of every point of the training curve, by step.
  std::vector<std::pair<int64_t, double>> test_accuracy;
  std::vector<EmergenceCheckpoint> checkpoints;  ///< By step; each step is on the curve.
};

/// The text of emergence.csv (docs/file_formats.md). Its columns are `seed`, `step`,
/// `test_accuracy`, then for each variable and block eight that begin with `<variable>_<block>_`:
///   - `knn`: test accuracy of decoding from the circuit;
///   - `knn_full`: test accuracy of decoding from the whole block;
///   - `weights`: share of the block's weights in the circuit;
///   - `ablated`: test accuracy of the task with the circuit ablated; empty for an empty circuit;
///   - `other_types`, `null_circuits`: accuracy on other types from the circuit, and from null
///     circuits on average;
///   - `present_p`, `present`: p adjusted over all checkpoints of the run, and the answer.
/// If DAS was run, two more columns, `var_0_mid_das` and `var_0_post_das`, have the interchange
/// accuracy of DAS.
std::string emergence_csv(const std::vector<Emergence>& runs);

/// Experiment 3 as text:
///   - a table of the figures at every checkpoint (mean and standard deviation over runs), with the
///     published figures in brackets;
///   - in words for each run, the step at which the circuit of a^2 decodes a^2, the step at which
///     the model generalises, and how many steps lie between them;
///   - for each run with null variables, whether a^2 and b^2 are present at each checkpoint, as one
///     family, and from which step on;
///   - if DAS was run, a table of the interchange accuracy of DAS.
std::string experiment3_table(const std::vector<Emergence>& runs);

}  // namespace cprobe
