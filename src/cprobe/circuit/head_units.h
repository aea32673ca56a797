#pragma once

#include <cstdint>
#include <vector>

#include "cprobe/circuit/circuit.h"

namespace cprobe {

/// Numbers of units (unit neuron) or weights (unit weight) of a circuit that make each attention
/// head's queries, keys and values.
struct HeadUnits {
  std::vector<int64_t> q;  ///< Per query head.
  std::vector<int64_t> k;  ///< Per key/value head; there may be fewer than query heads.
  std::vector<int64_t> v;  ///< Per key/value head.
};

/// Counts a circuit's units or weights per attention head.
/// @param circuit  of one attention block of a model with this config.
/// @throws Error (kInput) naming the components of any other circuit.
HeadUnits head_units(const Circuit& circuit, const ModelConfig& config);

/// Whether `head_units` accepts the circuit of a file.
bool has_head_units(const CircuitFile& file);

}  // namespace cprobe
