#include "cprobe/probe/findings.h"

#include <algorithm>

namespace cprobe {

const AblationResult* Findings::OnEvaluationSet::find(AblationTarget target, Fill fill, std::string_view matrix) const {
  const auto found = std::ranges::find_if(
      ablations, [&](const AblationResult& a) { return a.target == target && a.fill == fill && a.matrix == matrix; });
  return found == ablations.end() ? nullptr : &*found;
}

Fill Findings::OnEvaluationSet::first_fill() const {
  return ablations.empty() ? Fill::kZero : ablations.front().fill;
}

double Findings::share() const {
  return max_weights > 0 ? static_cast<double>(n_weights) / static_cast<double>(max_weights) : 0;
}

const Findings::OnEvaluationSet* Findings::on(std::string_view label) const {
  const auto found = std::ranges::find(evaluation_sets, label, &OnEvaluationSet::label);
  return found == evaluation_sets.end() ? nullptr : &*found;
}

}  // namespace cprobe
