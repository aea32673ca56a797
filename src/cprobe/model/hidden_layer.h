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

/// @param joined  [n, d_mlp], or [n, 2 d_mlp] of gate and up matrices; differentiable.
/// @return        [n, d_mlp].
at::Tensor hidden_layer(const HiddenLayer& layer, const at::Tensor& joined);

/// The same, written to `to`, [n, d_mlp]. Overwrites `joined`. Not differentiable.
void hidden_layer_into(const HiddenLayer& layer, const at::Tensor& joined, const at::Tensor& to);

/// The gradient by `joined`, from the gradient by the hidden layer.
at::Tensor hidden_layer_gradient(const HiddenLayer& layer, const at::Tensor& joined, const at::Tensor& gradient);

}  // namespace cprobe
