#pragma once

#include <torch/types.h>

#include <vector>

#include "cprobe/model/model.h"

namespace cprobe {

/// How one weight matrix is masked. The map becomes
///
///     y = x (W * m) + fill (W * (1 - m)) + b           with one multiplier per weight
///     y = (x W) * m + (fill W) * (1 - m) + b           with one per output
///
/// so units with m = 0 see the fill in place of the input: nothing (zero ablation), the mean input,
/// or another token's input. Biases are never masked.
struct LinearMask {
  /// [n_out] (neuron unit) or [n_in, n_out] (weight unit) float32; undefined: not masked.
  at::Tensor multiplier;
  /// [n, n_in] float32, one row per row of x; undefined: zero. In a ComponentMask, one row per trie
  /// node.
  at::Tensor fill;
};

/// One mask per weight matrix of a component, in the order of `matrices_of`; empty: the component
/// as it is. Fills have one row per trie node, so an attention block with fills needs a stream with
/// one row per node (`expanded`).
using ComponentMask = std::vector<LinearMask>;

/// x W + b under a mask; differentiable in x and the multiplier.
at::Tensor masked_linear(const Linear& map, const at::Tensor& x, const LinearMask& mask = {});

}  // namespace cprobe
