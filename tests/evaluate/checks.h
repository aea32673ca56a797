/// Helpers for the tests of doctor.h.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cprobe/evaluate/doctor.h"
#include "tests/tiny_model.h"

namespace cprobe::testing {

inline Model small_model() {
  return random_model(tiny_config(), Seed(3));
}

/// The failed checks, with their numbers.
inline std::vector<std::string> failures(const std::vector<Check>& checks) {
  std::vector<std::string> names;
  for (const Check& check : checks) {
    if (check.ok) continue;
    names.push_back(fmt::format("{}: {} > {}; {}", check.what, check.difference, check.tolerance, check.detail));
  }
  return names;
}

}  // namespace cprobe::testing
