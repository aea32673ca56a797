#include "cprobe/circuit/soft_nearest_neighbours.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <cmath>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

constexpr float kEpsilon = 1e-5f;

/// Per row i of the kernel matrix E (zero on the diagonal): 1 / (sum over same-label j + eps), 1 / (sum over all j +
/// eps), and the sum over i of -log of their ratio.
double row_sums(const float* kernel, const float* label, int64_t n, float* inverse_same, float* inverse_all) {
  at::parallel_for(0, n, 32, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* row = kernel + i * n;
      const float own = label[i];
      float same = 0, all = 0;
#pragma omp simd reduction(+ : same, all)
      for (int64_t j = 0; j < n; ++j) {
        all += row[j];
        same += label[j] == own ? row[j] : 0.0f;
      }
      inverse_same[i] = 1.0f / (same + kEpsilon);
      inverse_all[i] = 1.0f / (all + kEpsilon);
    }
  });
  double loss = 0;
  for (int64_t i = 0; i < n; ++i) loss += std::log(inverse_same[i]) - std::log(inverse_all[i]);
  return loss;
}

/// Turns E in place into dL/dS + (dL/dS)^T, where S holds the cosines: E_ij ((1/all_i + 1/all_j) - [same label]
/// (1/same_i + 1/same_j)) / n.
void similarity_gradient(float* kernel, const float* label, int64_t n, const float* inverse_same,
                         const float* inverse_all) {
  const float scale = 1.0f / static_cast<float>(n);
  at::parallel_for(0, n, 32, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = kernel + i * n;
      const float own = label[i], same = inverse_same[i], all = inverse_all[i];
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) {
        const float pull = label[j] == own ? same + inverse_same[j] : 0.0f;
        row[j] *= (all + inverse_all[j] - pull) * scale;
      }
    }
  });
}

/// The loss and, where wanted, its gradient by the updates.
std::pair<at::Tensor, at::Tensor> evaluate(const at::Tensor& updates, const at::Tensor& labels, bool with_gradient) {
  const int64_t n = updates.size(0);
  const at::Tensor norm = updates.norm(2, {1}, true);
  const at::Tensor inverse_norm = at::where(norm > 0, norm.reciprocal(), at::zeros_like(norm));
  const at::Tensor unit = updates * inverse_norm;
  const at::Tensor kernel = at::mm(unit, unit.t());
  kernel.sub_(1).exp_().fill_diagonal_(0);
  // Class numbers instead of labels: exact in float32, so that rows compare with vector instructions.
  const at::Tensor classes = std::get<1>(at::_unique2(labels, true, true)).to(at::kFloat);
  const at::Tensor inverse_same = at::empty({n}, updates.options());
  const at::Tensor inverse_all = at::empty({n}, updates.options());
  float* e = kernel.data_ptr<float>();
  const float* label = classes.data_ptr<float>();
  const double loss = row_sums(e, label, n, inverse_same.data_ptr<float>(), inverse_all.data_ptr<float>());
  at::Tensor gradient;
  if (with_gradient) {
    similarity_gradient(e, label, n, inverse_same.data_ptr<float>(), inverse_all.data_ptr<float>());
    const at::Tensor by_unit = at::mm(kernel, unit);
    gradient = (by_unit - unit * (unit * by_unit).sum(1, true)) * inverse_norm;
  }
  return {at::scalar_tensor(loss / static_cast<double>(n), updates.options()), gradient};
}

class SoftNearestNeighbours : public torch::autograd::Function<SoftNearestNeighbours> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& updates,
                            const at::Tensor& labels) {
    // On other devices the n x n part runs on the CPU: it is 1 MB at the paper's batch size.
    const auto [loss, gradient] = evaluate(updates.detach().cpu(), labels.cpu(), updates.requires_grad());
    if (gradient.defined()) context->save_for_backward({gradient.to(updates.device())});
    return loss.to(updates.device());
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    return {context->get_saved_variables()[0] * gradients[0], at::Tensor()};
  }
};

}  // namespace

at::Tensor soft_nearest_neighbours(const at::Tensor& updates, const at::Tensor& labels) {
  if (updates.dim() != 2 || labels.sizes() != at::IntArrayRef{updates.size(0)} || updates.size(0) < 1) {
    throw failure("soft nearest neighbours: updates [{}] and labels [{}] do not match, or there are no rows",
                  fmt::join(updates.sizes(), ", "), fmt::join(labels.sizes(), ", "));
  }
  return SoftNearestNeighbours::apply(updates.contiguous(), labels);
}

}  // namespace cprobe
