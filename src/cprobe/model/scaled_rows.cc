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
  /// The rows from number `begin` on; the same rows where they are numbered or there are none.
  Rows from(int64_t begin) const {
    Rows later = *this;
    if (data != nullptr && numbers == nullptr) later.data += begin * stride;
    return later;
  }
};

/// Calls `work(mask, number, begin, end)` for chunks of rows [begin, end) of each mask's n rows, in
/// parallel. Chunks are numbered mask by mask.
template <typename Work>
void by_chunks(int64_t n_masks, int64_t n, const Work& work) {
  const int64_t n_chunks = (n + kChunk - 1) / kChunk;
  at::parallel_for(0, n_masks * n_chunks, 1, [&](int64_t first, int64_t last) {
    const at::NoGradGuard no_gradients;  // the gradient mode is per thread
    for (int64_t number = first; number < last; ++number) {
      const int64_t begin = number % n_chunks * kChunk;
      work(number / n_chunks, number, begin, std::min(n, begin + kChunk));
    }
  });
}

/// The rows, scales and shifts of one mask.
struct Scaling {
  Rows x;
  const float* scale;
  const float* shift;
  int64_t n_columns;

  Scaling(const at::Tensor& x_, const at::Tensor& rows, const at::Tensor& scales, const at::Tensor& shifts,
          int64_t mask, int64_t n)
      : x(Rows(x_, rows).from(mask * n)),
        scale(scales.data_ptr<float>() + mask * scales.size(1)),
        shift(shifts.data_ptr<float>() + mask * scales.size(1)),
        n_columns(scales.size(1)) {}
};

/// Writes rows [begin, end) of one mask.
CPROBE_VECTOR_CLONES
void scale_and_shift(const Scaling& mask, int64_t begin, int64_t end, Rows y) {
  const float *scale = mask.scale, *shift = mask.shift;
  for (int64_t i = begin; i < end; ++i) {
    const float* from = mask.x[i];
    float* to = y[i];
#pragma omp simd
    for (int64_t c = 0; c < mask.n_columns; ++c) to[c] = from[c] * scale[c] + shift[c];
  }
}

/// From the gradients dy of rows [begin, end) of one mask: writes rows of dx, and adds to dscale
/// and dshift. Skips a null dx or dshift.
CPROBE_VECTOR_CLONES
void add_gradients(const Scaling& mask, Rows dy, int64_t begin, int64_t end, Rows dx, float* dscale, float* dshift) {
  const float* scale = mask.scale;
  for (int64_t i = begin; i < end; ++i) {
    const float* from = mask.x[i];
    const float* by = dy[i];
#pragma omp simd
    for (int64_t c = 0; c < mask.n_columns; ++c) dscale[c] += by[c] * from[c];
    if (dshift != nullptr) {
#pragma omp simd
      for (int64_t c = 0; c < mask.n_columns; ++c) dshift[c] += by[c];
    }
    if (dx.data != nullptr) {
      float* to = dx[i];
#pragma omp simd
      for (int64_t c = 0; c < mask.n_columns; ++c) to[c] = by[c] * scale[c];
    }
  }
}

class ScaledRows : public torch::autograd::Function<ScaledRows> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const c10::optional<at::Tensor>& some_rows, const at::Tensor& scale,
                            const at::Tensor& shift) {
    const at::Tensor rows = some_rows.value_or(at::Tensor());
    const int64_t n_masks = scale.size(0), n_columns = x.size(1);
    const int64_t n = rows.defined() ? rows.size(0) : x.size(0) / n_masks;
    const at::Tensor y = at::empty({n_masks * n, n_columns}, x.options());
    by_chunks(n_masks, n, [&](int64_t mask, int64_t /*number*/, int64_t begin, int64_t end) {
      scale_and_shift(Scaling(x, rows, scale, shift, mask, n), begin, end, Rows(y).from(mask * n));
    });
    context->save_for_backward({x, rows, scale, shift});
    context->saved_data["shift has gradient"] = shift.requires_grad();
    return y;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &rows = saved[1], &scale = saved[2], &shift = saved[3];
    const at::Tensor dy = gradients[0].contiguous();
    const bool by_shift = context->saved_data["shift has gradient"].toBool();
    const int64_t n_masks = scale.size(0), n = dy.size(0) / n_masks, n_columns = x.size(1);
    const int64_t n_chunks = (n + kChunk - 1) / kChunk;
    const at::Tensor dx = x.requires_grad() ? at::empty({n_masks * n, n_columns}, dy.options()) : at::Tensor();
    const at::Tensor sums = at::zeros({by_shift ? 2 : 1, n_masks, n_chunks, n_columns}, dy.options());
    by_chunks(n_masks, n, [&](int64_t mask, int64_t number, int64_t begin, int64_t end) {
      float* dscale = sums.data_ptr<float>() + number * n_columns;
      add_gradients(Scaling(x, rows, scale, shift, mask, n), Rows(dy).from(mask * n), begin, end,
                    Rows(dx).from(mask * n), dscale, by_shift ? dscale + n_masks * n_chunks * n_columns : nullptr);
    });
    const at::Tensor totals = sums.sum(2);
    return {dx, at::Tensor(), totals[0], by_shift ? totals[1] : at::Tensor()};
  }
};

}  // namespace

at::Tensor scaled_rows(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift) {
  if (rows.defined() && x.requires_grad())
    throw failure("scaled rows: no gradient by a matrix of which rows are taken");
  const int64_t n_masks = scale.dim() == 2 ? scale.size(0) : 1;
  const bool fits = x.dim() == 2 && (scale.dim() == 1 || scale.dim() == 2) && scale.size(-1) == x.size(1) &&
                    n_masks > 0 && (rows.defined() || x.size(0) % n_masks == 0) &&
                    (!shift.defined() || shift.sizes() == scale.sizes() || shift.sizes() == x.sizes().slice(1));
  if (!fits) {
    throw failure("scaled rows: x [{}], scale [{}] and shift [{}] do not fit", fmt::join(x.sizes(), ", "),
                  fmt::join(scale.sizes(), ", "),
                  shift.defined() ? fmt::format("{}", fmt::join(shift.sizes(), ", ")) : "none");
  }
  const auto per_mask = [&](const at::Tensor& vector) { return vector.expand({n_masks, x.size(1)}); };
  const at::Tensor scales = per_mask(scale);
  const at::Tensor shifts = per_mask(shift.defined() ? shift : at::zeros({x.size(1)}, x.options()));
  if (!x.device().is_cpu() || x.scalar_type() != at::kFloat) {
    const at::Tensor blocks =
        rows.defined() ? rows_at(x, rows).unsqueeze(0) : x.view({n_masks, x.size(0) / n_masks, x.size(1)});
    return at::addcmul(shifts.unsqueeze(1), blocks, scales.unsqueeze(1)).flatten(0, 1);
  }
  // Autograd functions do not accept undefined tensors.
  const c10::optional<at::Tensor> some_rows = rows.defined() ? c10::make_optional(rows.contiguous()) : c10::nullopt;
  return ScaledRows::apply(x.stride(1) == 1 ? x : x.contiguous(), some_rows, scales.contiguous(), shifts.contiguous());
}

}  // namespace cprobe
