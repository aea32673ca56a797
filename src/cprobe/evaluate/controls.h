#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/evaluate/metric.h"

namespace cprobe {

/// The direction in which a figure is the stronger effect.
enum class Stronger {
  kLower,   ///< Such as the accuracy that a deletion leaves.
  kHigher,  ///< Such as the accuracy that an exchange brings about.
};

/// One-sided Monte Carlo p of a figure among its random controls. The figure counts as one of them, so p
/// is never 0:
///
///     p = (1 + #{controls at least as strong}) / (1 + #controls)
double p_value(double value, const std::vector<double>& controls, Stronger stronger);

/// Appends a figure and, where there are draws of a random control, with its p and followed by the
/// control's own figure. @param control, note as of Metric.
void add_beside_controls(std::vector<Metric>& metrics, Metric figure, const std::vector<double>& draws,
                         Stronger stronger, const std::string& control, const std::string& note = "");

/// Random units, per matrix as many as there are members: from outside these where so many fit there,
/// else from all units. @param members as Circuit::members.
std::vector<at::Tensor> draw_random_units(const std::vector<at::Tensor>& members, at::Generator& generator);

/// Per matrix, whether `draw_random_units` takes from all units.
std::vector<bool> drawn_from_all(const std::vector<at::Tensor>& members);

/// What `measure(units, draw)` returns for `n_draws` sets of random units, draws counted from 0.
template <typename Measure>
auto over_random_units(const std::vector<at::Tensor>& members, int64_t n_draws, at::Generator generator,
                       const Measure& measure) {
  std::vector<decltype(measure(members, n_draws))> measured;
  for (int64_t draw = 0; draw < n_draws; ++draw)
    measured.push_back(measure(draw_random_units(members, generator), draw));
  return measured;
}

}  // namespace cprobe
