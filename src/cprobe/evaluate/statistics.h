#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cprobe {

/// A figure over repeated random draws, or a single value.
struct Spread {
  double mean = 0;
  std::optional<double> sd = {};  ///< n - 1 in the denominator; none for a single value.
  int64_t n = 0;

  friend bool operator==(const Spread&, const Spread&) = default;
};

/// "0.991 ± 0.003"; without a deviation where there is none.
std::string figure_text(double mean, const std::optional<double>& sd, int n_decimals = 3);

/// Three decimals; "< 0.001" where these would be zeros.
std::string p_number(double p);

/// @param values at least one.
Spread spread(const std::vector<double>& values);

/// P-values adjusted for their number by Holm's step-down method (Holm 1979, "A simple sequentially rejective multiple
/// test procedure"): the i-th smallest of m, from 0, becomes max over j <= i of (m - j) p_j, at most 1. To call those at
/// most alpha significant keeps the chance of any false one among the m at most alpha, however they depend on each other.
/// @param p_values in [0, 1]; may be empty. @return the adjusted values, in the order given.
std::vector<double> holm(const std::vector<double>& p_values);

}  // namespace cprobe
