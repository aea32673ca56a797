#include "cprobe/circuit/soft_nearest_neighbours.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/core/vector_clones.h"

namespace cprobe {
namespace {

constexpr float kEpsilon = 1e-5f;

/// Taylor series of exp(s - 1) at s = 0, up to s^10. For cosines, |s| <= 1, the rest is below 7e-8 of the value, a unit
/// in float32's last place. It has no cases, so that a row takes one pass of multiplications and additions.
constexpr std::array<float, 11> kExpTerms = [] {
  std::array<float, 11> terms{};
  double term = 1 / std::numbers::e;
  for (size_t k = 0; k < terms.size(); ++k) {
    terms[k] = static_cast<float>(term);
    term /= static_cast<double>(k + 1);
  }
  return terms;
}();

/// Arrays of one evaluation over n rows. Every thread writes its own rows only.
struct Arrays {
  int64_t n = 0;
  int64_t d = 0;
  std::vector<int32_t> label;  ///< Number of each row's class, so that rows compare with vector instructions.
  float* kernel = nullptr;     ///< [n, n]: cosines, then E = e^-d with zero diagonal, then dL/dS + (dL/dS)^T.
  std::vector<float> inverse_norm, inverse_same, inverse_all;  ///< Of |v_i| (0 for zero rows), same_i and all_i + eps.
};

/// Rows [begin, end) of `updates` divided by their lengths; a zero row stays zero.
CPROBE_VECTOR_CLONES
void normalise(const float* updates, int64_t begin, int64_t end, Arrays& x, float* unit) {
  for (int64_t i = begin; i < end; ++i) {
    const float* v = updates + i * x.d;
    float* u = unit + i * x.d;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < x.d; ++c) squares += v[c] * v[c];
    const float inverse = squares > 0 ? 1 / std::sqrt(squares) : 0.0f;
    x.inverse_norm[static_cast<size_t>(i)] = inverse;
#pragma omp simd
    for (int64_t c = 0; c < x.d; ++c) u[c] = v[c] * inverse;
  }
}

/// Turns cosines into E, in rows [begin, end), with the sums over same-label and over all other rows.
CPROBE_VECTOR_CLONES
void exponentiate(int64_t begin, int64_t end, Arrays& x) {
  const int32_t* label = x.label.data();
  for (int64_t i = begin; i < end; ++i) {
    float* row = x.kernel + i * x.n;
    const int32_t own = label[i];
    float same = 0, all = 0;
    row[i] = 0;  // For the loop: its term is then known, and taken off the sums below.
#pragma omp simd reduction(+ : same, all)
    for (int64_t j = 0; j < x.n; ++j) {
      const float s = row[j];
      float e = kExpTerms[10];
      for (size_t k = 10; k-- > 0;) e = e * s + kExpTerms[k];
      row[j] = e;
      all += e;
      same += label[j] == own ? e : 0.0f;
    }
    row[i] = 0;
    x.inverse_same[static_cast<size_t>(i)] = 1 / (same - kExpTerms[0] + kEpsilon);
    x.inverse_all[static_cast<size_t>(i)] = 1 / (all - kExpTerms[0] + kEpsilon);
  }
}

/// Turns E into dL/dS + (dL/dS)^T in rows [begin, end):
/// E_ij ((1/all_i + 1/all_j) - [same label] (1/same_i + 1/same_j)) / n.
CPROBE_VECTOR_CLONES
void weigh(int64_t begin, int64_t end, Arrays& x) {
  const float scale = 1.0f / static_cast<float>(x.n);
  const int32_t* label = x.label.data();
  const float* inverse_same = x.inverse_same.data();
  const float* inverse_all = x.inverse_all.data();
  for (int64_t i = begin; i < end; ++i) {
    float* row = x.kernel + i * x.n;
    const int32_t own = label[i];
    const float same = inverse_same[i], all = inverse_all[i];
#pragma omp simd
    for (int64_t j = 0; j < x.n; ++j) {
      const float pull = label[j] == own ? same + inverse_same[j] : 0.0f;
      row[j] *= (all + inverse_all[j] - pull) * scale;
    }
  }
}

/// Gradient by v from the gradient g by u = v / |v|, in place: (g - u (u . g)) / |v|, in rows [begin, end).
CPROBE_VECTOR_CLONES
void through_norm(const float* unit, int64_t begin, int64_t end, const Arrays& x, float* gradient) {
  for (int64_t i = begin; i < end; ++i) {
    const float* u = unit + i * x.d;
    float* g = gradient + i * x.d;
    float along = 0;
#pragma omp simd reduction(+ : along)
    for (int64_t c = 0; c < x.d; ++c) along += u[c] * g[c];
    const float inverse = x.inverse_norm[static_cast<size_t>(i)];
#pragma omp simd
    for (int64_t c = 0; c < x.d; ++c) g[c] = (g[c] - u[c] * along) * inverse;
  }
}

std::vector<int32_t> class_numbers(const at::Tensor& labels) {
  const std::span<const int64_t> values(labels.data_ptr<int64_t>(), static_cast<size_t>(labels.size(0)));
  std::vector<int64_t> classes(values.begin(), values.end());
  std::ranges::sort(classes);
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  std::vector<int32_t> numbers;
  numbers.reserve(values.size());
  for (const int64_t value : values) {
    numbers.push_back(static_cast<int32_t>(std::ranges::lower_bound(classes, value) - classes.begin()));
  }
  return numbers;
}

/// The loss and, where wanted, its gradient by the updates. Each thread keeps to its own rows of the kernel from the
/// first GEMM to the last, so that they stay in its cache; they meet twice.
std::pair<at::Tensor, at::Tensor> evaluate(const at::Tensor& updates, const at::Tensor& labels, bool with_gradient) {
  const int64_t n = updates.size(0), d = updates.size(1);
  const auto size = static_cast<size_t>(n);
  const at::Tensor unit = at::empty_like(updates), kernel = at::empty({n, n}, updates.options());
  const at::Tensor gradient = with_gradient ? at::empty_like(updates) : at::Tensor();
  Arrays x{.n = n,
           .d = d,
           .label = class_numbers(labels),
           .kernel = kernel.data_ptr<float>(),
           .inverse_norm = std::vector<float>(size),
           .inverse_same = std::vector<float>(size),
           .inverse_all = std::vector<float>(size)};
  float* u = unit.data_ptr<float>();
  const auto by_rows = [n](const auto& work) { at::parallel_for(0, n, 32, work); };
  by_rows([&](int64_t begin, int64_t end) { normalise(updates.data_ptr<float>(), begin, end, x, u); });
  by_rows([&](int64_t begin, int64_t end) {
    at::Tensor rows = kernel.narrow(0, begin, end - begin);
    at::mm_out(rows, unit.narrow(0, begin, end - begin), unit.t());
    exponentiate(begin, end, x);
  });
  double loss = 0;
  for (size_t i = 0; i < size; ++i) loss += std::log(x.inverse_same[i] / x.inverse_all[i]);
  if (with_gradient) {
    by_rows([&](int64_t begin, int64_t end) {
      weigh(begin, end, x);
      at::Tensor rows = gradient.narrow(0, begin, end - begin);
      at::mm_out(rows, kernel.narrow(0, begin, end - begin), unit);
      through_norm(u, begin, end, x, gradient.data_ptr<float>());
    });
  }
  return {at::scalar_tensor(loss / static_cast<double>(n), updates.options()), gradient};
}

class SoftNearestNeighbours : public torch::autograd::Function<SoftNearestNeighbours> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& updates,
                            const at::Tensor& labels) {
    // On other devices the n x n part runs on the CPU: it is 1 MB at the paper's batch size.
    const auto [loss, gradient] =
        evaluate(updates.detach().cpu(), labels.to(at::kCPU, at::kLong).contiguous(), updates.requires_grad());
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
