#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cprobe {

/// A figure over repeated random draws, or a single value.
struct Spread {
  double mean = 0;
  /// Standard deviation, with n - 1 in the denominator; unset for a single value.
  std::optional<double> sd = {};
  int64_t n = 0;

  friend bool operator==(const Spread&, const Spread&) = default;
};

/// "0.991 ± 0.003": mean and standard deviation. Without `sd`, the mean alone.
std::string figure_text(double mean, const std::optional<double>& sd, int n_decimals = 3);

/// A p-value with three decimals; "< 0.001" if all would be zeros.
std::string p_number(double p);

/// Mean, standard deviation and number of values. @param values  at least one.
Spread spread(const std::vector<double>& values);

/// Which values of a figure are stronger effects.
enum class Stronger {
  kLower,   ///< Lower ones, such as the accuracy after a deletion.
  kHigher,  ///< Higher ones, such as the accuracy after an exchange.
};

/// One-sided Monte Carlo p-value of a figure among its random controls. The figure counts as one of
/// the controls, so p is never 0:
///
///     p = (1 + #{controls at least as strong}) / (1 + #controls)
double p_value(double value, const std::vector<double>& controls, Stronger stronger);

/// Adjusts p-values for their number by Holm's step-down method (Holm 1979, "A simple sequentially
/// rejective multiple test procedure"). The i-th smallest of m p-values, counted from 0, becomes
/// max over j <= i of (m - j) p_j, at most 1. If adjusted values of at most alpha are called
/// significant, the chance of any false one among the m is at most alpha, however the p-values
/// depend on each other.
/// @param p_values  in [0, 1]; may be empty.
/// @return          the adjusted values, in the order given.
std::vector<double> holm(const std::vector<double>& p_values);

}  // namespace cprobe
