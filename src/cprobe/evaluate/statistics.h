#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cprobe {

/// Summary of a figure (a measured number) over repeated random draws, or of a single value.
struct Spread {
  double mean = 0;
  /// Standard deviation, with n - 1 in the denominator; unset for a single value.
  std::optional<double> sd = {};
  int64_t n = 0;  ///< Number of values.

  friend bool operator==(const Spread&, const Spread&) = default;
};

/// Mean and standard deviation as text: "0.991 ± 0.003". Without `sd`, the mean alone: "0.991".
std::string figure_text(double mean, const std::optional<double>& sd, int n_decimals = 3);

/// A p-value as text, with three decimals. For p below 0.0005, "< 0.001".
std::string p_number(double p);

/// Mean, standard deviation and number of values. @param values  at least one.
Spread spread(const std::vector<double>& values);

/// Which values of a figure show a stronger effect.
enum class Stronger {
  kLower,   ///< Lower ones, such as the accuracy after an ablation.
  kHigher,  ///< Higher ones, such as the accuracy after an exchange.
};

/// One-sided Monte Carlo p-value of a figure, compared with the same figure of random controls. The
/// figure itself counts as one more control, so p is never 0:
///
///     p = (1 + #{controls at least as strong}) / (1 + #controls)
///
/// @param controls  the figure of each random control.
double p_value(double value, const std::vector<double>& controls, Stronger stronger);

/// Corrects p-values for multiple testing by Holm's step-down method (Holm 1979, "A simple
/// sequentially rejective multiple test procedure"). With the m p-values sorted as
/// p_0 <= ... <= p_{m-1}, the adjusted value of p_i is
///
///     min(1, max over j <= i of (m - j) p_j)
///
/// Rejecting every hypothesis with an adjusted value <= alpha keeps the family-wise error rate (the
/// chance of at least one false rejection) at most alpha. The p-values may depend on each other.
/// @param p_values  in [0, 1]; may be empty.
/// @return          the adjusted values, in the order given.
std::vector<double> holm(const std::vector<double>& p_values);

}  // namespace cprobe
