#pragma once

#include <torch/types.h>

#include <vector>

#include "cprobe/model/model.h"

namespace cprobe {

/// How one weight matrix is masked. The map becomes
///
///     y = x (W * m) + fill (W * (1 - m)) + b           with one multiplier per weight
///     y = (x W) * m + (fill W) * (1 - m) + b           with one multiplier per output
///
/// Units with m = 0 see the fill in place of the input: zeros (zero ablation), the mean input, or
/// another token's input. Biases are never masked.
struct LinearMask {
  /// [n_out] (neuron unit) or [n_in, n_out] (weight unit) float32. Undefined: not masked. Several
  /// masks of neurons without fills, each for its own block of the rows of x: [n_masks, 1, n_out].
  at::Tensor multiplier;
  /// [n, n_in] float32, one row per row of x. In a ComponentMask: one row per trie node. Undefined:
  /// zeros.
  at::Tensor fill;
};

/// One mask per weight matrix of a component, in the order of `matrices_of`. Empty: the component
/// is not masked. Fills have one row per trie node, so an attention block with fills needs a stream
/// with one row per node (`Stream::expanded`).
using ComponentMask = std::vector<LinearMask>;

/// x W + b under a mask. Differentiable in x and the multiplier.
at::Tensor masked_linear(const Linear& map, const at::Tensor& x, const LinearMask& mask = {});

}  // namespace cprobe
