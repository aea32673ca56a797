#include "cprobe/model/gemm.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/half_precision.h"
#include "cprobe/core/threads.h"

#ifdef CPROBE_ONEDNN
#include <dnnl.h>
#endif

namespace cprobe {
namespace {

#ifdef CPROBE_ONEDNN
/// A float matrix as oneDNN takes it: by rows, or transposed.
struct Operand {
  at::Tensor matrix;  ///< Owns the data.
  bool transposed = false;
  int64_t stride = 0;  ///< Between rows or, if transposed, between columns.

  explicit Operand(const at::Tensor& any) : matrix(any) {
    const int64_t n_rows = any.size(0), n_columns = any.size(1);
    const auto by_lines = [&](int64_t line, int64_t within, int64_t n_lines, int64_t length) {
      return (any.stride(within) == 1 || length == 1) && (any.stride(line) >= length || n_lines == 1);
    };
    if (!by_lines(0, 1, n_rows, n_columns) && by_lines(1, 0, n_columns, n_rows)) {
      transposed = true;
      stride = std::max(any.stride(1), n_rows);
      return;
    }
    if (!by_lines(0, 1, n_rows, n_columns)) matrix = any.contiguous();
    stride = std::max(matrix.stride(0), n_columns);
  }

  FloatMatrix view() const { return {matrix.data_ptr<float>(), matrix.size(0), matrix.size(1), stride, transposed}; }
};

bool multiply_by_onednn(const FloatMatrix& y, const FloatMatrix& a, const FloatMatrix& b, bool add) {
  if (y.n_rows * y.n_columns * a.n_columns == 0) return false;
  const auto letter = [](const FloatMatrix& matrix) { return matrix.transposed ? 'T' : 'N'; };
  const dnnl_status_t status = dnnl_sgemm(letter(a), letter(b), y.n_rows, y.n_columns, a.n_columns, 1, a.data, a.stride,
                                          b.data, b.stride, add ? 1 : 0, y.data, y.stride);
  if (status != dnnl_success) throw failure("oneDNN could not compute a matrix product (status {})", int{status});
  return true;
}

bool multiply_by_onednn(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, bool add) {
  if (y.scalar_type() != at::kFloat) return false;
  const Operand left(a), right(b);
  const FloatMatrix to{y.data_ptr<float>(), y.size(0), y.size(1), std::max(y.stride(0), y.size(1))};
  return multiply_by_onednn(to, left.view(), right.view(), add);
}
#else
template <typename Matrix>
bool multiply_by_onednn(const Matrix&, const Matrix&, const Matrix&, bool) {
  return false;
}
#endif

/// The same matrix as a tensor.
at::Tensor tensor_of(const FloatMatrix& matrix) {
  if (matrix.transposed) return tensor_of({matrix.data, matrix.n_columns, matrix.n_rows, matrix.stride}).t();
  return at::from_blob(matrix.data, {matrix.n_rows, matrix.n_columns}, {matrix.stride, 1});
}

/// Numbers of a matrix that is multiplied as a whole. GPT-2 small has no larger matrix than its
/// unembedding.
constexpr int64_t kWhole = 3 << 20;
/// Numbers of a panel: as many as pay for what a product does once per panel. For few rows of a,
/// few enough for a core's cache.
constexpr int64_t kPanel = 1 << 22, kPanelForFewRows = 1 << 18, kFewRows = 16;
/// Columns of the smallest part of a matrix that a thread computes: two vectors of AVX-512.
constexpr int64_t kColumns = 32;

int64_t n_threads_here() {
  return at::in_parallel_region() ? 1 : at::get_num_threads();
}

/// A panel of a matrix as float32: of a float32 matrix the panel itself.
/// @param panel    lines that are contiguous each.
/// @param scratch  keeps what a panel before needed; has the panel's distance between lines.
at::Tensor widened_panel(const at::Tensor& panel, at::Tensor& scratch) {
  if (!is_half(panel.scalar_type())) return panel;
  const int64_t n_lines = panel.size(0), stride = panel.stride(0);
  const int64_t n_numbers = (n_lines - 1) * stride + panel.size(1);
  if (!scratch.defined() || scratch.numel() < n_numbers) scratch = at::empty({n_numbers}, at::kFloat);
  const auto* from = static_cast<const uint16_t*>(panel.data_ptr());
  for (int64_t line = 0; line < n_lines; ++line) {
    widen(from + line * stride, panel.scalar_type(), panel.size(1), scratch.data_ptr<float>() + line * stride);
  }
  return scratch.as_strided(panel.sizes(), {stride, 1}, 0);
}

bool has_contiguous_rows(const at::Tensor& x) {
  return x.stride(1) == 1 && x.stride(0) >= x.size(1);
}

/// A small matrix as float32, with the strides that a float32 matrix would be multiplied with.
at::Tensor widened_whole(const at::Tensor& b) {
  if (!is_half(b.scalar_type()) || b.is_non_overlapping_and_dense()) return widened(b);
  at::Tensor scratch;
  if (b.numel() > 0 && has_contiguous_rows(b)) return widened_panel(b, scratch);
  if (b.numel() > 0 && has_contiguous_rows(b.t())) return widened_panel(b.t(), scratch).t();
  return widened(b.contiguous());
}

/// y = a b + bias for a b whose columns are contiguous, such as the transpose of a stored matrix. A
/// panel is some columns, which one thread multiplies.
void multiply_by_columns(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  const int64_t n = b.size(1), n_threads = n_threads_here();
  const int64_t numbers = a.size(0) <= kFewRows ? kPanelForFewRows : kPanel;
  // The same number of panels for each thread, so that none waits for another.
  const int64_t most = std::max(kColumns, numbers / b.size(0));
  const int64_t n_panels = (n + most * n_threads - 1) / (most * n_threads) * n_threads;
  const int64_t width = ((n + n_panels - 1) / n_panels + kColumns - 1) / kColumns * kColumns;
  at::parallel_for(0, (n + width - 1) / width, 1, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_gradients;  // the gradient mode is per thread
    at::Tensor scratch;
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * width, n_columns = std::min(width, n - first);
      const at::Tensor columns = y.narrow(1, first, n_columns);
      multiply_into(columns, a, widened_panel(b.narrow(1, first, n_columns).t(), scratch).t());
      if (bias.defined()) columns.add_(bias.narrow(0, first, n_columns));
    }
  });
}

/// y = a b + bias for a b whose rows are contiguous. A panel is some rows, of which each thread
/// multiplies its own columns.
void multiply_by_rows(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  const int64_t k = b.size(0), n = b.size(1), n_threads = n_threads_here();
  const int64_t height =
      a.size(0) <= kFewRows ? std::max<int64_t>(64, kPanelForFewRows / n) : std::max<int64_t>(256, kPanel / 2 / n);
  const int64_t share = ((n + n_threads - 1) / n_threads + kColumns - 1) / kColumns * kColumns;
  at::parallel_for(0, (n + share - 1) / share, 1, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_gradients;
    const int64_t first = begin * share, n_columns = std::min(end * share, n) - first;
    const at::Tensor columns = y.narrow(1, first, n_columns);
    at::Tensor scratch;
    for (int64_t row = 0; row < k; row += height) {
      const int64_t n_rows = std::min(height, k - row);
      const at::Tensor panel = widened_panel(b.narrow(0, row, n_rows).narrow(1, first, n_columns), scratch);
      multiply_into(columns, a.narrow(1, row, n_rows), panel, /*add=*/row > 0);
    }
    if (bias.defined()) columns.add_(bias.narrow(0, first, n_columns));
  });
}

/// y = a b + bias, where each thread computes its own rows. The addition comes behind the product,
/// as masks do it: an empty mask then gives the bits of no mask.
void multiply_whole(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  at::parallel_for(0, a.size(0), 32, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_gradients;
    const at::Tensor rows = y.narrow(0, begin, end - begin);
    multiply_into(rows, a.narrow(0, begin, end - begin), b);
    if (bias.defined()) rows.add_(bias);
  });
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  at::Tensor y = at::empty({a.size(0), b.size(1)}, a.options());
  gemm_into(y, a, b, bias);
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
  if (is_half(b.scalar_type()) && b.requires_grad()) throw failure("a matrix of 16 bits a number has no gradient");
  if (!a.device().is_cpu()) return bias.defined() ? at::addmm(bias, a, b) : at::mm(a, b);
  return Gemm::apply(a, b, bias.defined() ? c10::make_optional(bias) : c10::nullopt);
}

void gemm_into(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  if (!a.device().is_cpu()) {
    at::Tensor to = y;
    bias.defined() ? at::addmm_out(to, bias, a, b) : at::mm_out(to, a, b);
    return;
  }
  if (y.numel() == 0) return;
  const bool takes_panels = b.numel() > kWhole && a.scalar_type() == at::kFloat;
  if (!takes_panels) return multiply_whole(y, a, widened_whole(b), bias);
  if (has_contiguous_rows(b)) return multiply_by_rows(y, a, b, bias);
  if (has_contiguous_rows(b.t())) return multiply_by_columns(y, a, b, bias);
  multiply_by_rows(y, a, b.contiguous(), bias);
}

void multiply_into(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, bool add) {
  if (multiply_by_onednn(y, a, b, add)) return;
  at::Tensor to = y;
  if (add) {
    at::addmm_out(to, y, a, b);
  } else {
    at::mm_out(to, a, b);
  }
}

FloatMatrix float_matrix(const at::Tensor& matrix) {
  return {matrix.data_ptr<float>(), matrix.size(0), matrix.size(1), matrix.size(1)};
}

void multiply_into(const FloatMatrix& y, const FloatMatrix& a, const FloatMatrix& b, bool add) {
  if (!multiply_by_onednn(y, a, b, add)) multiply_into(tensor_of(y), tensor_of(a), tensor_of(b), add);
}

std::string gemm_library() {
#ifdef CPROBE_ONEDNN
  const dnnl_version_t* version = dnnl_version();
  const auto has = [isa = dnnl_get_effective_cpu_isa()](dnnl_cpu_isa_t set) { return (isa & set) == set; };
  return fmt::format("oneDNN {}.{}.{} ({})", version->major, version->minor, version->patch,
                     has(dnnl_cpu_isa_avx512_core) ? "AVX-512"
                     : has(dnnl_cpu_isa_avx2)      ? "AVX2"
                                                   : "neither AVX-512 nor AVX2");
#else
  return blas_name();
#endif
}

}  // namespace cprobe
