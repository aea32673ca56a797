#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/core/seed.h"
#include "cprobe/evaluate/metric.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {

/// Appends a figure (a measured number) to `metrics`. If `draws` is not empty, also sets the
/// figure's p-value and appends a second figure, that of the random control: the mean and standard
/// deviation of the draws.
/// @param draws          values of the figure in the draws of the control. May be empty.
/// @param control, note  fields of the control's figure, as in Metric.
void add_beside_controls(std::vector<Metric>& metrics, Metric figure, const std::vector<double>& draws,
                         Stronger stronger, const std::string& control, const std::string& note = "");

/// From which sets random controls are drawn.
enum class RandomSets {
  /// The circuit with the units of each matrix permuted at random: all sets with as many units of
  /// each matrix are equally likely. Under the hypothesis that the circuit is such a set as well, p
  /// is exact.
  kUniform,
  /// Sets of units outside the circuit, as the reference draws them; of all units in a matrix of
  /// which the circuit has more than half. Not exchangeable with the circuit: p is too small too
  /// often (docs/statistics.md).
  kComplement,
};

/// The seed of the random sets of a circuit: another for each model and component, and the same on
/// all data sets and for all circuits of the component, of other variables and other seeds of masks
/// too. Random set b of all of them comes from one permutation of the units, so that circuits that
/// are alike have random sets that are alike.
/// @param seed  0 in runs; another for other sets.
Seed seed_of_random_sets(const Circuit& circuit, uint64_t seed = 0);

/// Draws a random control for a circuit: in each weight matrix, as many units as the circuit has.
/// @param members  the circuit's units, as Circuit::members: a bool tensor per matrix.
/// @return         the drawn units, in the format of `members`.
std::vector<at::Tensor> draw_random_units(const std::vector<at::Tensor>& members, RandomSets sets,
                                          at::Generator& generator);

/// For each matrix: whether `draw_random_units` draws from all units with kComplement.
std::vector<bool> drawn_from_all(const std::vector<at::Tensor>& members);

/// Draws random halves of a component's input matrices (all matrices but the last): in each, half
/// of the units, rounded down. Takes all units of the last matrix, so that what the component
/// writes depends on both halves (ExchangeBench::through).
/// @param matrices  of one component, as `matrices_of`.
/// @return          the drawn units, as Circuit::members.
std::vector<at::Tensor> draw_input_halves(const std::vector<MatrixInfo>& matrices, MaskUnit unit,
                                          at::Generator& generator);

/// Draws `n_draws` sets of random units and calls `measure(units, draw)` with each set. `draw` is
/// the number of the set, from 0.
/// @param members  as for `draw_random_units`.
/// @return         all results, in order.
template <typename Measure>
auto over_random_units(const std::vector<at::Tensor>& members, RandomSets sets, int64_t n_draws,
                       at::Generator generator, const Measure& measure) {
  std::vector<decltype(measure(members, n_draws))> measured;
  for (int64_t draw = 0; draw < n_draws; ++draw)
    measured.push_back(measure(draw_random_units(members, sets, generator), draw));
  return measured;
}

}  // namespace cprobe
