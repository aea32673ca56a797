#pragma once

#include <cstdint>
#include <vector>

#include "cprobe/circuit/circuit.h"

namespace cprobe {

/// Units (neuron) or weights (weight) inside a circuit that make each head's queries, keys and values.
struct HeadUnits {
  std::vector<int64_t> q;  ///< Of each query head.
  std::vector<int64_t> k;  ///< Of each key/value head, of which there may be fewer.
  std::vector<int64_t> v;
};

/// @param circuit of an attention block of a model of these sizes.
/// @throws Error (kInput) naming the components of any other circuit.
HeadUnits head_units(const Circuit& circuit, const ModelConfig& config);

/// Whether a file holds a circuit that `head_units` takes.
bool has_head_units(const CircuitFile& file);

}  // namespace cprobe
