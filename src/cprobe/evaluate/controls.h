#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/evaluate/metric.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {

/// Appends a figure to `metrics`. If there are draws of a random control, sets the figure's p and
/// appends the control's own figure next.
/// @param draws          values of the control; may be empty.
/// @param control, note  of the control's figure, as in Metric.
void add_beside_controls(std::vector<Metric>& metrics, Metric figure, const std::vector<double>& draws,
                         Stronger stronger, const std::string& control, const std::string& note = "");

/// Draws random units, per matrix as many as there are members. Draws from the units that are not
/// members if so many exist, else from all units.
/// @param members  as Circuit::members.
std::vector<at::Tensor> draw_random_units(const std::vector<at::Tensor>& members, at::Generator& generator);

/// Per matrix, whether `draw_random_units` draws from all units.
std::vector<bool> drawn_from_all(const std::vector<at::Tensor>& members);

/// Calls `measure(units, draw)` for `n_draws` sets of random units, draws counted from 0.
/// @return all results, in order.
template <typename Measure>
auto over_random_units(const std::vector<at::Tensor>& members, int64_t n_draws, at::Generator generator,
                       const Measure& measure) {
  std::vector<decltype(measure(members, n_draws))> measured;
  for (int64_t draw = 0; draw < n_draws; ++draw)
    measured.push_back(measure(draw_random_units(members, generator), draw));
  return measured;
}

}  // namespace cprobe
