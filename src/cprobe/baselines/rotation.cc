#include "cprobe/baselines/rotation.h"

#include <torch/csrc/autograd/custom_function.h>

#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

class RotationFrom : public torch::autograd::Function<RotationFrom> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& start, const at::Tensor& a) {
    // (I - S)^-1 (I + S) = 2 (I - S)^-1 - I, so that one inverse is all it takes.
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

class DistanceFromPermutation : public torch::autograd::Function<DistanceFromPermutation> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& r) {
    context->save_for_backward({r});
    const at::Tensor sums = ((r.sum(1) - 1).abs().mean() + (r.sum(0) - 1).abs().mean()) * 0.5;
    return sums + (r.mean() - at::dot(r.reshape(-1), r.reshape(-1)) / static_cast<double>(r.numel()));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const at::Tensor r = context->get_saved_variables()[0];
    const auto n_rows = static_cast<double>(r.size(0)), n_columns = static_cast<double>(r.size(1));
    const at::Tensor of_rows = (r.sum(1) - 1).sign_().mul_(0.5 / n_rows),
                     of_columns = (r.sum(0) - 1).sign_().mul_(0.5 / n_columns);
    at::Tensor gradient = r * (-2 / (n_rows * n_columns));
    gradient.add_((of_rows + 1 / (n_rows * n_columns)).unsqueeze(1)).add_(of_columns);
    return {gradient.mul_(gradients[0])};
  }
};

}  // namespace

at::Tensor random_rotation(int64_t n, Seed seed) {
  const at::Tensor normal = at::randn({n, n}, seed.generator(), at::TensorOptions(at::kDouble));
  const auto [q, r] = at::linalg_qr(normal);
  // The decomposition chooses the signs of Q's columns by a rule, which would favour some matrices.
  // The factors below make R's diagonal positive, so that all matrices are equally likely.
  return (q * r.diagonal().sign()).to(at::kFloat);
}

at::Tensor rotation_from(const at::Tensor& start, const at::Tensor& a) {
  return RotationFrom::apply(start, a);
}

at::Tensor distance_from_permutation(const at::Tensor& r) {
  return DistanceFromPermutation::apply(r);
}

at::Tensor boundary_weights(const at::Tensor& boundary, int64_t n, double temperature) {
  const at::Tensor place = at::arange(n, boundary.options().requires_grad(false));
  return at::sigmoid(place / temperature) * at::sigmoid((boundary * n - place) / temperature);
}

}  // namespace cprobe
