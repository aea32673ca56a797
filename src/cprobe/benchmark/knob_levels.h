#pragma once

#include <string>
#include <vector>

#include "cprobe/benchmark/summary.h"

namespace cprobe {

/// A method on the models with one level of a knob.
struct KnobLevel {
  std::string knob;   ///< "distractor gain".
  std::string level;  ///< As in the models' truth: "0.5".
  bool is_default = false;
  std::string method;
  int64_t n_models = 0;
  std::vector<SummaryFigure> figures;  ///< `figures_of` the method's rows.
};

/// The levels of each knob that some model moves, for each method that ran on one of these. Levels
/// are in ascending order, with the default level among them: the models at default knobs in which
/// the same kind of block computes as in some model that moves the knob (some knobs need an MLP).
std::vector<KnobLevel> knob_levels(const std::vector<BenchmarkRow>& rows);

}  // namespace cprobe
