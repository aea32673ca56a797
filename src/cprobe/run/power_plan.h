#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/probe/run_data.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Standard deviations that a forecast of power assumes, because nothing is measured yet: of a
/// type's mean between types (.5 is the largest of a share); of a statistic between null variables;
/// of accuracy between random sets that are ablated; of carried - left between random sets. In the
/// toy model of Experiment 1 the last three were .005 to .02, .04 to .05 and .1 to .25.
inline constexpr double kAssumedTypeSd = 0.25;
inline constexpr double kAssumedNullSd = 0.02;
inline constexpr double kAssumedRandomSd = 0.05;
inline constexpr double kAssumedUnitsSd = 0.2;

/// What a run could tell about one question, before it is made (docs/statistics.md, "Power").
struct PlannedQuestion {
  /// "present", "made here", "weights needed", "through component", "through units".
  std::string question;
  std::string data;                    ///< Label of the data set.
  std::vector<std::string> variables;  ///< For which the figures below are the same.
  /// Types in the rows judged, or tokens of the position with the fewest, or blocks.
  int64_t n_types = 0;
  int64_t n_nulls = 0;     ///< Null variables, or random sets.
  int64_t n_findings = 1;  ///< In the family, at most.
  double least_p = 1;      ///< The least adjusted p.
  double null_sd = 0;      ///< Assumed between these nulls.
  /// The least effect beyond nulls that is answered "yes" in four of five runs, with
  /// kAssumedTypeSd and `null_sd`. None if no effect is.
  std::optional<double> least_effect;
  /// Why no p could be significant, or why a yes is for these types only: "its types allow 3 null
  /// variables, and a p of .05 takes 19". Empty if nothing is in the way.
  std::string problem;

  friend bool operator==(const PlannedQuestion&, const PlannedQuestion&) = default;
};

/// Forecasts what the run of a spec could tell, from its rows and types. Computes nothing with the
/// model. Empty in protocol paper.
/// @param data   with `nulls` of all variables.
/// @param cells  of the spec's grid.
std::vector<PlannedQuestion> planned_questions(const Spec& spec, const RunData& data, const std::vector<Cell>& cells);

}  // namespace cprobe
