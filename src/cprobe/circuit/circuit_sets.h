#pragma once

#include <span>
#include <string_view>

#include "cprobe/circuit/circuit.h"

namespace cprobe {

/// How several circuits are combined into one.
enum class SetOperation {
  kUnion,         ///< Units of any circuit.
  kIntersection,  ///< Units of every circuit.
  kDifference,    ///< Units of the first circuit that are in no other.
};

std::string_view to_string(SetOperation operation);  ///< "union", "intersection" or "difference".

/// Checks that two circuits can be compared unit by unit. The circuits may come from different
/// models of equal sizes.
/// @throws Error (kInput) naming both sources unless the circuits have
///   - the same components;
///   - the same unit;
///   - the same tensors, in the same shapes.
void require_comparable(const CircuitFile& a, const CircuitFile& b);

/// Combines circuits into a new one. The given circuits are not changed. The new provenance:
///   - entries that are equal in all circuits are kept;
///   - `method` becomes the operation;
///   - `made_of` lists the sources of the circuits.
/// @param circuits  at least one.
/// @throws Error (kInput) as require_comparable.
CircuitFile combine(SetOperation operation, std::span<const CircuitFile> circuits);

}  // namespace cprobe
