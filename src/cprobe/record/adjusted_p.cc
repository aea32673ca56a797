#include "cprobe/record/adjusted_p.h"

#include <algorithm>

#include "cprobe/evaluate/statistics.h"
#include "cprobe/record/result_columns.h"
#include "cprobe/record/tables.h"

namespace cprobe {

std::string AdjustedP::note() const {
  const int64_t n_needed = kReciprocalLevel * n_tests - 1;
  if (n_tests == 0 || n_controls == 0 || n_controls >= n_needed) return {};
  const std::string what = n_tests == 1 ? std::string("p") : fmt::format("p Holm over {} cells", n_tests);
  return fmt::format("With {} random controls no {} can reach {:.2f}; that takes at least {} (random_controls).\n",
                     n_controls, what, 1.0 / static_cast<double>(kReciprocalLevel), n_needed);
}

AdjustedP adjusted_p(const std::vector<Store::Fields>& rows, const std::string& data_set) {
  AdjustedP result{.of_row = std::vector<std::optional<double>>(rows.size())};
  std::vector<size_t> tested;
  std::vector<double> p_values;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string label = data_set.empty() ? first_behaviour(rows[i]) : data_set;
    const std::string p = value_of(rows[i], column::p(label));
    if (p.empty()) continue;
    tested.push_back(i);
    p_values.push_back(std::stod(p));
    const std::string n = value_of(rows[i], column::n_random(label));
    if (!n.empty()) result.n_controls = std::max<int64_t>(result.n_controls, std::stoll(n));
  }
  result.n_tests = static_cast<int64_t>(tested.size());
  const std::vector<double> adjusted = holm(p_values);
  for (size_t i = 0; i < tested.size(); ++i) result.of_row[tested[i]] = adjusted[i];
  return result;
}

}  // namespace cprobe
