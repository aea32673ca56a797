#include "cprobe/circuit/scaled_rows.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <span>

#include "cprobe/core/vector_clones.h"

namespace cprobe {
namespace {

/// A matrix with contiguous rows.
struct Matrix {
  float* data;
  int64_t stride;

  explicit Matrix(const at::Tensor& tensor) : data(tensor.data_ptr<float>()), stride(tensor.stride(0)) {}
};

std::span<const int64_t> indices(const at::Tensor& rows) {
  return {rows.data_ptr<int64_t>(), static_cast<size_t>(rows.size(0))};
}

/// Output rows [begin, end).
CPROBE_VECTOR_CLONES
void scale(Matrix x, std::span<const int64_t> rows, const float* factor, const float* shift, int64_t n_columns,
           int64_t begin, int64_t end, Matrix y) {
  for (int64_t i = begin; i < end; ++i) {
    const float* from = x.data + rows[static_cast<size_t>(i)] * x.stride;
    float* to = y.data + i * y.stride;
#pragma omp simd
    for (int64_t c = 0; c < n_columns; ++c) to[c] = from[c] * factor[c] + shift[c];
  }
}

/// Columns [begin, end) of the gradient by the scale, which are zero at first.
CPROBE_VECTOR_CLONES
void add_products(Matrix x, std::span<const int64_t> rows, Matrix dy, int64_t begin, int64_t end, float* dscale) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const float* from = x.data + rows[i] * x.stride;
    const float* by = dy.data + static_cast<int64_t>(i) * dy.stride;
#pragma omp simd
    for (int64_t c = begin; c < end; ++c) dscale[c] += by[c] * from[c];
  }
}

class ScaledRows : public torch::autograd::Function<ScaledRows> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& rows,
                            const at::Tensor& factor, const at::Tensor& shift) {
    const int64_t n_columns = x.size(1);
    at::Tensor y = at::empty({rows.size(0), n_columns}, x.options());
    at::parallel_for(0, rows.size(0), 32, [&](int64_t begin, int64_t end) {
      scale(Matrix(x), indices(rows), factor.data_ptr<float>(), shift.data_ptr<float>(), n_columns, begin, end,
            Matrix(y));
    });
    context->save_for_backward({x, rows});
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dscale = at::zeros({dy.size(1)}, dy.options());
    // Threads divide the columns: every sum has its own order of rows, whatever their number.
    at::parallel_for(0, dy.size(1), 32, [&](int64_t begin, int64_t end) {
      add_products(Matrix(saved[0]), indices(saved[1]), Matrix(dy), begin, end, dscale.data_ptr<float>());
    });
    return {at::Tensor(), at::Tensor(), dscale, at::Tensor()};
  }
};

}  // namespace

at::Tensor scaled_rows(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift) {
  if (!x.device().is_cpu() || x.scalar_type() != at::kFloat) {
    return at::addcmul(shift, x.index_select(0, rows), scale);
  }
  return ScaledRows::apply(x, rows.contiguous(), scale.contiguous(), shift.contiguous());
}

}  // namespace cprobe
