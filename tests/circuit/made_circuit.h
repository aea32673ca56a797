/// Circuits of random units, where it does not matter what they compute.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/core/seed.h"

namespace cprobe::testing {

/// @param share chance of each unit to be in the circuit: below 0 none is, above 1 all are.
inline Circuit random_circuit(const ModelConfig& config, const std::vector<ComponentRef>& components,
                              double share = 0.5, MaskUnit unit = MaskUnit::kNeuron) {
  Circuit circuit{.unit = unit};
  for (const ComponentRef& component : components) {
    for (const MatrixInfo& matrix : matrices_of(config, component)) {
      circuit.matrices.push_back(matrix);
      circuit.members.push_back(at::rand(unit_shape(matrix, unit), Seed(1).derive(matrix.name).generator()) < share);
    }
  }
  return circuit;
}

}  // namespace cprobe::testing
