#include "cprobe/model/hidden_layer.h"

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kSilu:
      return at::silu(x);
  }
  throw failure("unknown activation");
}

void activate_in_place(Activation activation, at::Tensor x) {
  switch (activation) {
    case Activation::kRelu:
      at::relu_(x);
      return;
    case Activation::kGeluTanh:
      at::gelu_(x, "tanh");
      return;
    case Activation::kGelu:
      at::gelu_(x);
      return;
    case Activation::kSilu:
      at::silu_(x);
      return;
  }
  throw failure("unknown activation");
}

at::Tensor activation_gradient(Activation activation, const at::Tensor& x, const at::Tensor& gradient) {
  switch (activation) {
    case Activation::kRelu:
      return at::threshold_backward(gradient, x, 0);
    case Activation::kGeluTanh:
      return at::gelu_backward(gradient, x, "tanh");
    case Activation::kGelu:
      return at::gelu_backward(gradient, x);
    case Activation::kSilu:
      return at::silu_backward(gradient, x);
  }
  throw failure("unknown activation");
}

bool is_gated(const HiddenLayer& layer, const at::Tensor& joined) {
  return joined.size(1) == 2 * layer.d_mlp;
}

at::Tensor gate_of(const HiddenLayer& layer, const at::Tensor& joined) {
  return joined.narrow(1, 0, layer.d_mlp);
}
at::Tensor up_of(const HiddenLayer& layer, const at::Tensor& joined) {
  return joined.narrow(1, layer.d_mlp, layer.d_mlp);
}

}  // namespace

at::Tensor hidden_layer(const HiddenLayer& layer, const at::Tensor& joined) {
  if (!is_gated(layer, joined)) return activate(layer.activation, joined);
  return activate(layer.activation, gate_of(layer, joined)) * up_of(layer, joined);
}

void hidden_layer_into(const HiddenLayer& layer, const at::Tensor& joined, const at::Tensor& to) {
  const at::Tensor read = is_gated(layer, joined) ? gate_of(layer, joined) : joined;
  activate_in_place(layer.activation, read);
  at::Tensor out = to;
  if (is_gated(layer, joined)) {
    at::mul_out(out, read, up_of(layer, joined));
  } else if (!out.is_same(joined)) {
    out.copy_(read);
  }
}

at::Tensor hidden_layer_gradient(const HiddenLayer& layer, const at::Tensor& joined, const at::Tensor& gradient) {
  if (!is_gated(layer, joined)) return activation_gradient(layer.activation, joined, gradient);
  const at::Tensor gate = gate_of(layer, joined), up = up_of(layer, joined);
  return at::cat(
      {activation_gradient(layer.activation, gate, gradient * up), gradient * activate(layer.activation, gate)}, 1);
}

}  // namespace cprobe
