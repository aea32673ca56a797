#include "cprobe/model/gemm.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "cprobe/core/error.h"
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

at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias) {
  at::Tensor y = at::empty({a.size(0), b.size(1)}, a.options());
  at::parallel_for(0, a.size(0), 32, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_gradients;  // the gradient mode is per thread
    const at::Tensor rows = y.narrow(0, begin, end - begin);
    multiply_into(rows, a.narrow(0, begin, end - begin), b);
    // Behind the product, as masks do it: an empty mask then gives the bits of no mask.
    if (bias.defined()) rows.add_(bias);
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
