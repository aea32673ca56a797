#pragma once

#include <vector>

#include "cprobe/benchmark/direct_methods.h"

namespace cprobe {

/// What comparison methods that score no unit make of the coordinates of the stream behind the
/// component that computes a variable, beside the output coordinates that the truth names: the
/// units of the component's last matrix, and no others. Each is fitted anew, with the defaults of
/// the method, to the states of the training rows at their last token:
///   - `linear_probe`: the length of the weights from a coordinate to the classes, times the
///     coordinate's standard deviation;
///   - `amnesic_probing`: how far LEACE can move a coordinate (the length of its row of I - P).
/// @param variable  used or idle.
/// @return          scores without a headline; no figures where all coordinates serve the variable.
std::vector<DirectScore> coordinate_scores(const Model& model, const PlantedVariable& variable, const Dataset& train,
                                           Seed seed);

}  // namespace cprobe
