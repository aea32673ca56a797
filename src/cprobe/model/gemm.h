#pragma once

#include <torch/types.h>

#include <string>

namespace cprobe {

/// a b + bias, where each thread computes its own rows of the result. Differentiable once.
///
/// On the CPU, float32 products are oneDNN's, whose kernels are as fast as those of OpenBLAS 0.3.21
/// at the shapes of mask training, or faster (docs/speed.md). Other dtypes, other devices and
/// builds without oneDNN use libtorch's product. Nothing is timed to choose: equal shapes, threads
/// and processors give equal bits.
///
/// A large b (over 3 million numbers) is taken by panels, and each thread computes its own columns
/// of the result. If b has 16 bits a number, each panel becomes float32 when its turn comes, so
/// that a matrix of a mapped file stays where it is. The same numbers as float32, with the same
/// strides, give the same bits.
///
/// Memory, beside the result: b as float32 if b is small; else, for each thread, a panel of 16 MB
/// or of 256 rows of b, whichever is more.
/// @param a     [m, k] float32, any strides; differentiable.
/// @param b     [k, n] float32, any strides; differentiable. On the CPU also bfloat16 or float16,
///              and then not differentiable.
/// @param bias  [n] float32; differentiable. Undefined: none.
/// @return      [m, n].
/// @throws Error (kFailed) if oneDNN refuses, such as for want of memory, or if a b of 16 bits a
///         number requires a gradient.
at::Tensor gemm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

/// As `gemm`, into part of a matrix, and not differentiable.
/// @param y  [m, n] of a's dtype and device; on the CPU each row contiguous; shares no memory with
///           the others.
void gemm_into(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

/// y = a b or, if `add`, y += a b. Inside an OpenMP region the product stays on the calling thread.
/// Not differentiable.
/// @param y  [m, n] float32 on the CPU; each row contiguous; shares no memory with a or b.
/// @param a  [m, k] float32, any strides.
/// @param b  [k, n] float32, any strides.
/// @throws Error (kFailed) if oneDNN refuses, such as for want of memory.
void multiply_into(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, bool add = false);

/// A float32 matrix on the CPU, without an owner. A product of two such matrices costs no more than
/// the call of the library, which counts for small ones: a view of a tensor takes a microsecond.
struct FloatMatrix {
  float* data = nullptr;
  int64_t n_rows = 0;
  int64_t n_columns = 0;
  int64_t stride = 0;       ///< Between rows; if transposed, between columns.
  bool transposed = false;  ///< Columns are contiguous, not rows.

  /// Rows [begin, end). @pre not transposed, as in the next two.
  FloatMatrix rows(int64_t begin, int64_t end) const { return {data + begin * stride, end - begin, n_columns, stride}; }
  FloatMatrix columns(int64_t begin, int64_t end) const { return {data + begin, n_rows, end - begin, stride}; }
  FloatMatrix t() const { return {data, n_columns, n_rows, stride, true}; }
};

/// @param matrix  [m, n] float32 on the CPU, contiguous. Must outlive the result.
FloatMatrix float_matrix(const at::Tensor& matrix);

/// The same product. Rows of y are contiguous.
void multiply_into(const FloatMatrix& y, const FloatMatrix& a, const FloatMatrix& b, bool add = false);

/// The library behind `gemm` on the CPU, with the instruction set that it uses on this processor:
/// "oneDNN 2.6.3 (AVX-512)". Without oneDNN, `blas_name()`.
std::string gemm_library();

}  // namespace cprobe
