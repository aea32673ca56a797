#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/circuit.h"

namespace cprobe {

/// Sizes of two sets of things, a and b, and of their intersection.
struct SharedCounts {
  int64_t n = 0;  ///< Things that could be in the sets.
  int64_t n_a = 0;
  int64_t n_b = 0;
  int64_t both = 0;  ///< Things in a and in b.

  int64_t either() const { return n_a + n_b - both; }
  /// Intersection over union (Jaccard index), in [0, 1]; unset if both sets are empty.
  std::optional<double> iou() const;
};

/// The units that two circuits share, in one weight matrix or in all matrices together.
struct Overlap {
  std::string matrix;  ///< Tensor name, or "all".
  SharedCounts units;
  std::optional<SharedCounts> weights;  ///< Unset if the number of weights of a unit is unknown.
  /// Expected number of shared units of two random circuits with the given circuits' numbers of
  /// units in each matrix.
  double expected = 0;
  /// Exact probabilities that such random circuits share at least as many units (`p_more`) or at
  /// most as many units (`p_fewer`). Unset if the sizes leave no choice, as with empty and full
  /// circuits.
  std::optional<double> p_more, p_fewer;
  std::string note;  ///< In words: "first empty", "both full", ...
};

/// The overlap of two circuits.
struct CircuitOverlap {
  std::vector<Overlap> matrices;  ///< In the order of the tensor names.
  Overlap all;                    ///< All matrices together.
};

/// Compares two circuits matrix by matrix. For random circuits, the number of shared units is
/// hypergeometric in each matrix, and a sum of independent hypergeometric counts in all matrices
/// together.
/// @param config  of the circuits' model, for numbers of weights. Null: numbers of weights are left
///                out in unit neuron.
/// @throws Error (kInput) as require_comparable and circuit_of.
CircuitOverlap overlap(const CircuitFile& a, const CircuitFile& b, const ModelConfig* config = nullptr);

}  // namespace cprobe
