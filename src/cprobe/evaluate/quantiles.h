/// Quantiles of the distributions that intervals and power need.
#pragma once

namespace cprobe {

/// The value below which a share `probability` of the distribution lies. Computed by Boost.Math.
/// @param probability  in (0, 1).
/// @throws Error (kFailed) if an argument is outside its range or NaN.

/// @param degrees_of_freedom  of Student's t, at least 0.5. Need not be whole.
double t_quantile(double probability, double degrees_of_freedom);
/// @param a, b  the parameters of the beta distribution, above 0.
double beta_quantile(double probability, double a, double b);
double normal_quantile(double probability);

}  // namespace cprobe
