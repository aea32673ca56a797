#include "cprobe/model/gemm.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

namespace cprobe {
namespace {

at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  at::Tensor y = at::empty({a.size(0), b.size(1)}, a.options());
  at::parallel_for(0, a.size(0), 32, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_gradients;  // the gradient mode is per thread
    at::Tensor rows = y.narrow(0, begin, end - begin);
    const at::Tensor from = a.narrow(0, begin, end - begin);
    if (bias.defined()) {
      at::addmm_out(rows, bias, from, b);
    } else {
      at::mm_out(rows, from, b);
    }
  });
  return y;
}

class Gemm : public torch::autograd::Function<Gemm> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& a, const at::Tensor& b,
                            const c10::optional<at::Tensor>& bias) {
    context->save_for_backward({a, b});
    context->saved_data["bias has gradient"] = bias && bias->requires_grad();
    return product(a, b, bias.value_or(at::Tensor()));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &a = saved[0], &b = saved[1], &dy = gradients[0];
    return {a.requires_grad() ? product(dy, b.t(), {}) : at::Tensor(),
            b.requires_grad() ? product(a.t(), dy, {}) : at::Tensor(),
            context->saved_data["bias has gradient"].toBool() ? dy.sum(0) : at::Tensor()};
  }
};

}  // namespace

at::Tensor gemm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  if (!a.device().is_cpu()) return bias.defined() ? at::addmm(bias, a, b) : at::mm(a, b);
  return Gemm::apply(a, b, bias.defined() ? c10::make_optional(bias) : c10::nullopt);
}

}  // namespace cprobe
