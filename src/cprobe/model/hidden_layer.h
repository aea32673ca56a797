#pragma once

#include <torch/types.h>

#include <cstdint>

#include "cprobe/model/config.h"

namespace cprobe {

/// How an MLP's hidden layer is made from the joined outputs of its input matrices: act(x) from
/// [n, d_mlp], or act(gate) * up from [n, 2 d_mlp].
struct HiddenLayer {
  Activation activation = Activation::kRelu;
  int64_t d_mlp = 0;
};

/// The hidden layer of an MLP. On the CPU, float32 values take one pass forward and one backward,
/// and are differentiable once (except kGelu); otherwise this is `reference_hidden_layer`.
/// @param joined  [n, d_mlp], or [n, 2 d_mlp] of gate and up matrices; differentiable.
/// @return        [n, d_mlp].
/// @throws Error (kFailed) if `joined` has another shape.
at::Tensor hidden_layer(const HiddenLayer& layer, const at::Tensor& joined);

/// The same from stock operations, for any device, dtype and activation.
at::Tensor reference_hidden_layer(const HiddenLayer& layer, const at::Tensor& joined);

}  // namespace cprobe
