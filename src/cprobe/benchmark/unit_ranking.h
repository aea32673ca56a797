#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cprobe/plant/truth.h"

namespace cprobe {

/// How well scores, or a set of units, tell the units of a variable from all others.
struct UnitFigures {
  /// Probability that a true unit has a higher score than another unit; ties count half.
  std::optional<double> auroc;
  std::optional<double> average_precision;           ///< Mean precision at the true units, the highest scores first.
  std::optional<double> precision_at_size;           ///< Of the highest scores, as many as there are true units.
  std::optional<double> precision, recall, jaccard;  ///< Of the set. Precision of no units: not set.
};

/// Compares scores with the truth about a variable that is used or idle. All figures are means over
/// the weight matrices in which some counted units are true and some are not. Not counted: units
/// that serve another variable as well, and units of a route. If the variable was computed several
/// times, each copy alone counts as the truth, too; the units of other copies are then not counted.
/// The figures are those of the copy or the whole with the highest AUROC; without scores, with the
/// highest Jaccard.
/// @param scores   per matrix, [n_out]: higher says rather of the variable. Empty: none.
/// @param members  per matrix, [n_out] bool: a hard choice. Empty: none.
UnitFigures unit_figures(const PlantedVariable& variable, const std::vector<at::Tensor>& scores,
                         const std::vector<at::Tensor>& members);

/// Area under the receiver operating characteristic. @param is_true  as many as scores.
/// @return none if all are true, or none is.
std::optional<double> auroc(std::span<const double> scores, const std::vector<bool>& is_true);

/// Average precision: the mean, over true units, of the share of true units among all with that
/// score or a higher one. @return none if none is true.
std::optional<double> average_precision(std::span<const double> scores, const std::vector<bool>& is_true);

}  // namespace cprobe
