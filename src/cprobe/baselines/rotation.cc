#include "cprobe/baselines/rotation.h"

#include <torch/csrc/autograd/custom_function.h>

#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

class RotationFrom : public torch::autograd::Function<RotationFrom> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& start, const at::Tensor& a) {
    // I - S, inverted: (I - S)^-1 (I + S) = 2 (I - S)^-1 - I.
    at::Tensor inverse = (a.t() - a).mul_(0.25);
    inverse.diagonal().add_(1);
    inverse = at::linalg_inv(inverse);
    const at::Tensor halfway = gemm(start, inverse);
    context->save_for_backward({halfway, inverse});
    return halfway * 2 - start;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &halfway = saved[0], &inverse = saved[1];
    const at::Tensor product = gemm(gemm(halfway.t(), gradients[0]), inverse.t());
    return {at::Tensor(), (product - product.t()).mul_(0.5)};
  }
};

}  // namespace

at::Tensor random_rotation(int64_t n, Seed seed) {
  const at::Tensor normal = at::randn({n, n}, seed.generator(), at::TensorOptions(at::kDouble));
  const auto [q, r] = at::linalg_qr(normal);
  // The decomposition's choice of signs would favour some matrices.
  return (q * r.diagonal().sign()).to(at::kFloat);
}

at::Tensor rotation_from(const at::Tensor& start, const at::Tensor& a) {
  return RotationFrom::apply(start, a);
}

at::Tensor distance_from_permutation(const at::Tensor& r) {
  const at::Tensor rows = (r.sum(1) - 1).abs().mean();
  const at::Tensor columns = (r.sum(0) - 1).abs().mean();
  return (rows + columns) * 0.5 + (r * (1 - r)).mean();
}

}  // namespace cprobe
