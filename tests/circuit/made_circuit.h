/// Circuits of random units, for tests to which the function of a circuit does not matter.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "cprobe/circuit/circuit.h"
#include "cprobe/core/seed.h"

namespace cprobe::testing {

/// A circuit of random units, the same at each call. A circuit with a larger share holds all units
/// of one with a smaller share.
/// @param share  chance of each unit to be in the circuit. Below 0: no units; above 1: all units.
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
