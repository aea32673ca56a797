#include "cprobe/record/adjusted_p.h"

#include <algorithm>

#include "cprobe/evaluate/statistics.h"

namespace cprobe {

std::string AdjustedP::note() const {
  const int64_t n_needed = kReciprocalLevel * n_tests - 1;
  if (n_tests == 0 || n_controls == 0 || n_controls >= n_needed) return {};
  const std::string what = n_tests == 1 ? std::string("p") : fmt::format("p Holm over {} cells", n_tests);
  return fmt::format("With {} random controls no {} can reach {:.2f}; that takes at least {} (random_controls).\n",
                     n_controls, what, 1.0 / static_cast<double>(kReciprocalLevel), n_needed);
}

AdjustedP adjusted_p(const std::vector<ProbedCell>& cells, const std::string& data_set) {
  AdjustedP result{.of_cell = std::vector<std::optional<double>>(cells.size())};
  std::vector<size_t> tested;
  std::vector<double> p_values;
  for (size_t i = 0; i < cells.size(); ++i) {
    const Findings::OnEvaluationSet* on = data_set.empty() ? cells[i].findings.first() : cells[i].findings.on(data_set);
    const AblationResult* circuit = on == nullptr ? nullptr : on->circuit();
    if (circuit == nullptr || !circuit->p) continue;
    tested.push_back(i);
    p_values.push_back(*circuit->p);
    if (const AblationResult* random = on->random()) {
      result.n_controls = std::max(result.n_controls, random->accuracy.n);
    }
  }
  result.n_tests = static_cast<int64_t>(tested.size());
  const std::vector<double> adjusted = holm(p_values);
  for (size_t i = 0; i < tested.size(); ++i) result.of_cell[tested[i]] = adjusted[i];
  return result;
}

}  // namespace cprobe
