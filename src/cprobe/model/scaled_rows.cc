#include "cprobe/model/scaled_rows.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"
#include "cprobe/core/vector_clones.h"

namespace cprobe {
namespace {

/// Output rows whose gradients are summed by one thread. Fixed, so that sums do not depend on the
/// number of threads.
constexpr int64_t kChunk = 64;

/// All or some rows of a matrix. Each row is contiguous.
struct Rows {
  float* data = nullptr;  ///< Null: no matrix.
  int64_t stride = 0;
  const int64_t* numbers = nullptr;  ///< Null: all rows in order.

  explicit Rows(const at::Tensor& matrix, const at::Tensor& rows = {}) {
    if (!matrix.defined()) return;
    data = matrix.data_ptr<float>();
    stride = matrix.stride(0);
    if (rows.defined()) numbers = rows.data_ptr<int64_t>();
  }
  float* operator[](int64_t i) const { return data + (numbers == nullptr ? i : numbers[i]) * stride; }
};

/// Writes the output rows [begin, end).
CPROBE_VECTOR_CLONES
void scale_and_shift(Rows x, const float* scale, const float* shift, int64_t n_columns, int64_t begin, int64_t end,
                     Rows y) {
  for (int64_t i = begin; i < end; ++i) {
    const float* from = x[i];
    float* to = y[i];
#pragma omp simd
    for (int64_t c = 0; c < n_columns; ++c) to[c] = from[c] * scale[c] + shift[c];
  }
}

/// From the gradients dy of the output rows [begin, end): writes rows of dx, and adds to dscale and
/// dshift. Skips a null dx or dshift.
CPROBE_VECTOR_CLONES
void add_gradients(Rows x, Rows dy, const float* scale, int64_t n_columns, int64_t begin, int64_t end, Rows dx,
                   float* dscale, float* dshift) {
  for (int64_t i = begin; i < end; ++i) {
    const float* from = x[i];
    const float* by = dy[i];
#pragma omp simd
    for (int64_t c = 0; c < n_columns; ++c) dscale[c] += by[c] * from[c];
    if (dshift != nullptr) {
#pragma omp simd
      for (int64_t c = 0; c < n_columns; ++c) dshift[c] += by[c];
    }
    if (dx.data != nullptr) {
      float* to = dx[i];
#pragma omp simd
      for (int64_t c = 0; c < n_columns; ++c) to[c] = by[c] * scale[c];
    }
  }
}

class ScaledRows : public torch::autograd::Function<ScaledRows> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const c10::optional<at::Tensor>& some_rows, const at::Tensor& scale,
                            const at::Tensor& shift) {
    const at::Tensor rows = some_rows.value_or(at::Tensor());
    const int64_t n = rows.defined() ? rows.size(0) : x.size(0), n_columns = x.size(1);
    at::Tensor y = at::empty({n, n_columns}, x.options());
    at::parallel_for(0, n, 32, [&](int64_t begin, int64_t end) {
      scale_and_shift(Rows(x, rows), scale.data_ptr<float>(), shift.data_ptr<float>(), n_columns, begin, end, Rows(y));
    });
    context->save_for_backward({x, rows, scale});
    context->saved_data["shift has gradient"] = shift.requires_grad();
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &rows = saved[1], &scale = saved[2];
    const at::Tensor dy = gradients[0].contiguous();
    const int64_t n = dy.size(0), n_columns = dy.size(1), n_chunks = (n + kChunk - 1) / kChunk;
    const bool by_shift = context->saved_data["shift has gradient"].toBool();
    const at::Tensor dx = x.requires_grad() ? at::empty({n, n_columns}, dy.options()) : at::Tensor();
    const at::Tensor sums = at::zeros({2, n_chunks, n_columns}, dy.options());
    at::parallel_for(0, n_chunks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        float* dscale = sums.data_ptr<float>() + chunk * n_columns;
        add_gradients(Rows(x, rows), Rows(dy), scale.data_ptr<float>(), n_columns, chunk * kChunk,
                      std::min(n, (chunk + 1) * kChunk), Rows(dx), dscale,
                      by_shift ? dscale + n_chunks * n_columns : nullptr);
      }
    });
    const at::Tensor totals = sums.sum(1);
    return {dx, at::Tensor(), totals[0], by_shift ? totals[1] : at::Tensor()};
  }
};

}  // namespace

at::Tensor scaled_rows(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift) {
  if (rows.defined() && x.requires_grad())
    throw failure("scaled rows: no gradient by a matrix of which rows are taken");
  const auto fits = [&](const at::Tensor& vector) { return vector.dim() == 1 && vector.size(0) == x.size(1); };
  if (x.dim() != 2 || !fits(scale) || (shift.defined() && !fits(shift))) {
    throw failure("scaled rows: x [{}], scale [{}] and shift [{}] do not fit", fmt::join(x.sizes(), ", "),
                  fmt::join(scale.sizes(), ", "), shift.defined() ? fmt::format("{}", shift.numel()) : "none");
  }
  const at::Tensor added = shift.defined() ? shift : at::zeros({x.size(1)}, x.options());
  if (!x.device().is_cpu() || x.scalar_type() != at::kFloat) {
    return at::addcmul(added, rows.defined() ? rows_at(x, rows) : x, scale);
  }
  // Autograd functions do not accept undefined tensors.
  const c10::optional<at::Tensor> some_rows = rows.defined() ? c10::make_optional(rows.contiguous()) : c10::nullopt;
  return ScaledRows::apply(x.stride(1) == 1 ? x : x.contiguous(), some_rows, scale.contiguous(), added.contiguous());
}

}  // namespace cprobe
