#pragma once

#include <string>
#include <string_view>

#include "cprobe/evaluate/ablation.h"

/// Names of metrics that encoding, decoding and the columns of metrics.csv share.
namespace cprobe {

inline constexpr std::string_view kUntouchedAccuracy = "vanilla_accuracy";
inline constexpr std::string_view kUntouchedLogProbability = "vanilla_log_probability";
inline constexpr std::string_view kOtherTypes = "other_types_accuracy";

// Of the circuits found at several L0 weights, and the note of the one chosen.
inline constexpr std::string_view kPathAccuracy = "path_accuracy", kChosen = "chosen";

// Of ablations.
inline constexpr std::string_view kAblatedAccuracy = "ablated_accuracy";
inline constexpr std::string_view kHarm = "harm", kSufficiency = "sufficiency";
inline constexpr std::string_view kLogProbability = "log_probability", kDivergence = "kl_divergence";

/// Whether a figure is of an ablation, so that `ablation_metric` makes the metric's name.
bool is_ablation_figure(std::string_view figure);

/// The name of an ablation's metric, such as "ablated_accuracy Test c_attn (mean fill)".
/// @param set  label of the evaluation set.
std::string ablation_metric(std::string_view figure, std::string_view set, const AblationResult& ablation);

/// The matrix and the fill of an ablation.
struct MatrixAndFill {
  std::string matrix{kWhole};
  Fill fill = Fill::kZero;
};
/// Reads what stands behind "<figure> <set>" in the name of an ablation's metric, such as
/// " c_attn (mean fill)".
MatrixAndFill read_matrix_and_fill(std::string_view text);

}  // namespace cprobe
