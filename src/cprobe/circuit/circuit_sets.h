#pragma once

#include <span>
#include <string_view>

#include "cprobe/circuit/circuit.h"

namespace cprobe {

/// What is made of the units of several circuits.
enum class SetOperation {
  kUnion,         ///< Those of any circuit.
  kIntersection,  ///< Those of every circuit.
  kDifference,    ///< Those of the first circuit that no other has.
};

std::string_view to_string(SetOperation operation);  ///< "union", "intersection" or "difference".

/// @throws Error (kInput) naming both sources unless the circuits are of the same components, in one
///         unit, with the same tensors of the same shapes. They may come from different models of equal sizes.
void require_comparable(const CircuitFile& a, const CircuitFile& b);

/// A circuit made of others, of which none is changed. Of their provenance it keeps what all agree on; `method` becomes
/// the operation and `made_of` lists their sources.
/// @param circuits at least one. @throws Error (kInput) as require_comparable.
CircuitFile combine(SetOperation operation, std::span<const CircuitFile> circuits);

}  // namespace cprobe
