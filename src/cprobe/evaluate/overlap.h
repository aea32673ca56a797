#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/circuit.h"

namespace cprobe {

/// How many of some things two sets have.
struct SharedCounts {
  int64_t n = 0;  ///< In all.
  int64_t n_a = 0;
  int64_t n_b = 0;
  int64_t both = 0;

  int64_t either() const { return n_a + n_b - both; }
  /// Intersection over union (Jaccard index), in [0, 1]; none where both sets are empty.
  std::optional<double> iou() const;
};

/// What two circuits have in common in one weight matrix, or in all together.
struct Overlap {
  std::string matrix;  ///< Tensor name, or "all".
  SharedCounts units;
  std::optional<SharedCounts> weights;  ///< None where the number of weights of a unit is not known.
  /// Units in common expected of random circuits: each with as many units of each matrix as these have.
  double expected = 0;
  /// P(as many units in common or more), P(as many or fewer) of such random circuits; exact. None where the sizes leave
  /// no choice, as those of empty and full circuits do.
  std::optional<double> p_more, p_fewer;
  std::string note;  ///< In words: "first empty", "both full", ...
};

struct CircuitOverlap {
  std::vector<Overlap> matrices;  ///< By tensor name.
  Overlap all;
};

/// Compares two circuits, matrix by matrix: units in common are hypergeometric for random circuits; in all matrices
/// together they are a sum of independent hypergeometric counts.
/// @param config of their model, for numbers of weights; may be null: in unit neuron these are then left out.
/// @throws Error (kInput) as require_comparable and circuit_of.
CircuitOverlap overlap(const CircuitFile& a, const CircuitFile& b, const ModelConfig* config = nullptr);

}  // namespace cprobe
