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
      for (int64_t i = 0; i < classes.size(0); ++i) {
        if (!unseen[i].item<bool>()) continue;
        warnings.push_back(fmt::format("{}: {} rows have class '{}' of '{}', which no row to train on has", set->source,
                                       counts[i].item<int64_t>(),
                                       train.class_name(variable, classes[i].item<int64_t>()), variable));
      }
    }
  }
  return warnings;
}

}  // namespace cprobe
