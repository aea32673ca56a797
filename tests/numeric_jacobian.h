/// Checks gradients against differences, for every differentiable operation.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <vector>

namespace cprobe::testing {

using TensorFunction = std::function<at::Tensor(const at::Tensor&)>;

/// The Jacobian of `f` at `x` by central differences in double precision: [entries of f(x), entries
/// of x] float64. The error is about step^2 times the third derivative, 1e-9 for smooth functions
/// of size 1.
/// @param f  accepts float64, and has no kink within one step of `x`.
inline at::Tensor numeric_jacobian(const TensorFunction& f, const at::Tensor& x, double step = 1e-5) {
  const at::NoGradGuard no_gradients;
  const at::Tensor base = x.detach().to(at::kDouble).contiguous();
  std::vector<at::Tensor> columns;
  for (int64_t i = 0; i < base.numel(); ++i) {
    const auto moved = [&](double by) {
      const at::Tensor there = base.clone();
      there.view({-1})[i] += by;
      return f(there).reshape(-1);
    };
    columns.push_back((moved(step) - moved(-step)) / (2 * step));
  }
  return at::stack(columns, 1);
}

/// The Jacobian of `f` at `x` by autograd, in the precision of `x`: one backward pass per entry of
/// f(x).
inline at::Tensor autograd_jacobian(const TensorFunction& f, const at::Tensor& x) {
  const at::Tensor at_x = x.detach().clone().requires_grad_();
  const at::Tensor y = f(at_x).reshape(-1);
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < y.size(0); ++i) {
    rows.push_back(torch::autograd::grad({y[i]}, {at_x}, {}, /*retain_graph=*/true)[0].reshape(-1));
  }
  return at::stack(rows);
}

}  // namespace cprobe::testing
