#include "cprobe/evaluate/quantiles.h"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// NaN compares false, and is refused too.
void require_quantile_arguments(bool are_in_range) {
  if (!are_in_range) throw failure("quantile: a probability or a parameter of the distribution is out of range");
}

}  // namespace

double t_quantile(double probability, double degrees_of_freedom) {
  require_quantile_arguments(probability > 0 && probability < 1 && degrees_of_freedom >= 0.5);
  return quantile(boost::math::students_t(degrees_of_freedom), probability);
}

double beta_quantile(double probability, double a, double b) {
  require_quantile_arguments(probability > 0 && probability < 1 && a > 0 && b > 0);
  return quantile(boost::math::beta_distribution(a, b), probability);
}

double normal_quantile(double probability) {
  require_quantile_arguments(probability > 0 && probability < 1);
  return quantile(boost::math::normal(), probability);
}

}  // namespace cprobe
