#include "cprobe/record/metric_names.h"

namespace cprobe {

bool is_ablation_figure(std::string_view figure) {
  return figure == kAblatedAccuracy || figure == kHarm || figure == kSufficiency || figure == kLogProbability ||
         figure == kDivergence;
}

std::string ablation_metric(std::string_view figure, std::string_view set, const AblationResult& ablation) {
  std::string name = fmt::format("{} {}", figure, set);
  if (ablation.matrix != kWhole) name += fmt::format(" {}", ablation.matrix);
  if (ablation.fill != Fill::kZero) name += fmt::format(" ({} fill)", to_string(ablation.fill));
  return name;
}

MatrixAndFill read_matrix_and_fill(std::string_view text) {
  MatrixAndFill found;
  for (const Fill fill : kFills) {
    const std::string behind = fmt::format(" ({} fill)", to_string(fill));
    if (!text.ends_with(behind)) continue;
    found.fill = fill;
    text.remove_suffix(behind.size());
  }
  if (!text.empty()) found.matrix = text.substr(1);
  return found;
}

}  // namespace cprobe
