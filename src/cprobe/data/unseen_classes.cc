#include "cprobe/data/unseen_classes.h"

#include <fmt/format.h>

namespace cprobe {

std::vector<std::string> class_warnings(std::span<const Dataset* const> sets,
                                        const std::vector<std::string>& variables) {
  std::vector<std::string> warnings;
  const Dataset& train = *sets.front();
  for (const std::string& variable : variables) {
    const auto trained = train.variables.find(variable);
    if (trained == train.variables.end()) continue;
    for (const Dataset* set : sets.subspan(1)) {
      const auto values = set->variables.find(variable);
      if (values == set->variables.end()) continue;
      const auto [classes, where, counts] = at::_unique2(values->second, true, false, true);
      const at::Tensor unseen = at::isin(classes, trained->second).logical_not();
      const at::Tensor which = unseen.nonzero().squeeze(1);
      if (which.size(0) == 0) continue;
      const auto n_rows = counts.index_select(0, which).sum().item<int64_t>();
      const auto first = classes[which[0].item<int64_t>()].item<int64_t>();
      const std::string others = which.size(0) == 1 ? "" : fmt::format(" and {} others", which.size(0) - 1);
      warnings.push_back(fmt::format("{}: {} rows have class '{}'{} of '{}', which no row to train on has", set->source,
                                     n_rows, train.class_name(variable, first), others, variable));
    }
  }
  return warnings;
}

}  // namespace cprobe
