#include "cprobe/model/hidden_layer.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cprobe/core/error.h"
#include "cprobe/core/vector_clones.h"
#include "cprobe/core/vector_math.h"

namespace cprobe {
namespace {

/// An activation and its derivative at a point.
struct Point {
  float value;
  float slope;
};

/// x s(v) for the sigmoid s of a function v of x.
[[gnu::always_inline]] inline Point gated_by_sigmoid(float x, float v, float slope_of_v) {
  const float s = sigmoid(v);
  return {x * s, s + x * s * (1 - s) * slope_of_v};
}

template <Activation kActivation>
[[gnu::always_inline]] inline Point activated(float x) {
  if constexpr (kActivation == Activation::kRelu) {
    return {x <= 0 ? 0.0f : x, x > 0 ? 1.0f : 0.0f};  // NaN stays NaN
  } else if constexpr (kActivation == Activation::kGeluTanh) {
    // (1 + tanh u) / 2 is the sigmoid of 2 u, with u = sqrt(2 / pi) (x + 0.044715 x^3).
    constexpr float kScale = 1.59576912f, kCubic = 0.044715f;
    return gated_by_sigmoid(x, kScale * (x + kCubic * x * x * x), kScale * (1 + 3 * kCubic * x * x));
  } else {
    static_assert(kActivation == Activation::kSilu);
    return gated_by_sigmoid(x, x, 1);
  }
}

/// Rows of an MLP's joined outputs, and of its hidden layer.
struct Lines {
  const float* joined;
  int64_t n;       ///< Rows.
  int64_t stride;  ///< Of `joined`.
  int64_t d_mlp;
  bool gated;
};

template <Activation kActivation>
[[gnu::always_inline]] inline void activate_with(const Lines& x, float* hidden) {
  for (int64_t i = 0; i < x.n; ++i) {
    const float *gate = x.joined + i * x.stride, *up = gate + x.d_mlp;
    float* to = hidden + i * x.d_mlp;
    if (x.gated) {
#pragma omp simd
      for (int64_t c = 0; c < x.d_mlp; ++c) to[c] = activated<kActivation>(gate[c]).value * up[c];
    } else {
#pragma omp simd
      for (int64_t c = 0; c < x.d_mlp; ++c) to[c] = activated<kActivation>(gate[c]).value;
    }
  }
}

template <Activation kActivation>
[[gnu::always_inline]] inline void differentiate_with(const Lines& x, const float* gradient, float* to) {
  for (int64_t i = 0; i < x.n; ++i) {
    const float *gate = x.joined + i * x.stride, *up = gate + x.d_mlp, *dhidden = gradient + i * x.d_mlp;
    float *dgate = to + i * (x.gated ? 2 : 1) * x.d_mlp, *dup = dgate + x.d_mlp;
    if (x.gated) {
#pragma omp simd
      for (int64_t c = 0; c < x.d_mlp; ++c) {
        const Point at = activated<kActivation>(gate[c]);
        dgate[c] = dhidden[c] * up[c] * at.slope;
        dup[c] = dhidden[c] * at.value;
      }
    } else {
#pragma omp simd
      for (int64_t c = 0; c < x.d_mlp; ++c) dgate[c] = dhidden[c] * activated<kActivation>(gate[c]).slope;
    }
  }
}

CPROBE_VECTOR_CLONES
void activate(Activation activation, const Lines& x, float* hidden) {
  switch (activation) {
    case Activation::kRelu:
      return activate_with<Activation::kRelu>(x, hidden);
    case Activation::kGeluTanh:
      return activate_with<Activation::kGeluTanh>(x, hidden);
    case Activation::kSilu:
      return activate_with<Activation::kSilu>(x, hidden);
    case Activation::kGelu:
      break;  // has no kernel
  }
}

/// @param gradient  by the hidden layer. @param to  gets the gradient by the joined outputs.
CPROBE_VECTOR_CLONES
void differentiate(Activation activation, const Lines& x, const float* gradient, float* to) {
  switch (activation) {
    case Activation::kRelu:
      return differentiate_with<Activation::kRelu>(x, gradient, to);
    case Activation::kGeluTanh:
      return differentiate_with<Activation::kGeluTanh>(x, gradient, to);
    case Activation::kSilu:
      return differentiate_with<Activation::kSilu>(x, gradient, to);
    case Activation::kGelu:
      break;
  }
}

bool is_gated(const HiddenLayer& layer, const at::Tensor& joined) {
  return joined.size(1) == 2 * layer.d_mlp;
}

/// @param joined  rows contiguous.
Lines lines_of(const HiddenLayer& layer, const at::Tensor& joined, int64_t begin, int64_t end) {
  return {joined.data_ptr<float>() + begin * joined.stride(0), end - begin, joined.stride(0), layer.d_mlp,
          is_gated(layer, joined)};
}

/// Any activation, from stock operations.
at::Tensor stock_activation(Activation activation, const at::Tensor& x) {
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

class HiddenLayerFunction : public torch::autograd::Function<HiddenLayerFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const HiddenLayer& layer,
                            const at::Tensor& joined) {
    const at::Tensor hidden = at::empty({joined.size(0), layer.d_mlp}, joined.options());
    at::parallel_for(0, joined.size(0), kGrain, [&](int64_t begin, int64_t end) {
      activate(layer.activation, lines_of(layer, joined, begin, end), hidden.data_ptr<float>() + begin * layer.d_mlp);
    });
    context->save_for_backward({joined});
    context->saved_data["activation"] = static_cast<int64_t>(layer.activation);
    context->saved_data["d_mlp"] = layer.d_mlp;
    return hidden;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const at::Tensor joined = context->get_saved_variables()[0], gradient = gradients[0].contiguous();
    const HiddenLayer layer{static_cast<Activation>(context->saved_data["activation"].toInt()),
                            context->saved_data["d_mlp"].toInt()};
    const at::Tensor to = at::empty(joined.sizes(), joined.options());
    at::parallel_for(0, joined.size(0), kGrain, [&](int64_t begin, int64_t end) {
      differentiate(layer.activation, lines_of(layer, joined, begin, end),
                    gradient.data_ptr<float>() + begin * layer.d_mlp, to.data_ptr<float>() + begin * to.size(1));
    });
    return {at::Tensor(), to};
  }

 private:
  static constexpr int64_t kGrain = 16;  ///< Rows.
};

}  // namespace

at::Tensor reference_hidden_layer(const HiddenLayer& layer, const at::Tensor& joined) {
  if (!is_gated(layer, joined)) return stock_activation(layer.activation, joined);
  const std::vector<at::Tensor> parts = at::split_with_sizes(joined, {layer.d_mlp, layer.d_mlp}, 1);
  return stock_activation(layer.activation, parts[0]) * parts[1];
}

at::Tensor hidden_layer(const HiddenLayer& layer, const at::Tensor& joined) {
  if (joined.dim() != 2 || (joined.size(1) != layer.d_mlp && !is_gated(layer, joined))) {
    throw failure("hidden layer: [{}] does not fit d_mlp {}", fmt::join(joined.sizes(), ", "), layer.d_mlp);
  }
  const bool has_kernel =
      joined.device().is_cpu() && joined.scalar_type() == at::kFloat && layer.activation != Activation::kGelu;
  if (!has_kernel) return reference_hidden_layer(layer, joined);
  return HiddenLayerFunction::apply(layer, joined.stride(1) == 1 ? joined : joined.contiguous());
}

}  // namespace cprobe
