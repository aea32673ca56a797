#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace cprobe {

/// A figure over repeated random draws, or a single value.
struct Spread {
  double mean = 0;
  std::optional<double> sd = {};  ///< n - 1 in the denominator; none for a single value.
  int64_t n = 0;
};

/// @param values at least one.
Spread spread(const std::vector<double>& values);

/// p = (1 + #{controls at least as harmful}) / (1 + N): a control is as harmful where its accuracy is no higher.
double p_value(double accuracy, const std::vector<double>& control_accuracies);

}  // namespace cprobe
