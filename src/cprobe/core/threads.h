#pragma once

#include <string>

namespace cprobe {

/// Sets the number of threads of libtorch, OpenMP and OpenBLAS (its own pool, where it has one): the one place that
/// does. On each of them, numbers that float32 holds with less precision (below 1.2e-38) become zero: processors are
/// many times slower with them, and the last epochs of mask training make many.
/// @param n >= 1. @throws Error (kInput) if n < 1.
void set_threads(int n);

/// Sets the number of threads back, when it ends, to what it was when it began.
class ThreadsKept {
 public:
  ThreadsKept();
  ThreadsKept(const ThreadsKept&) = delete;
  ThreadsKept& operator=(const ThreadsKept&) = delete;
  ~ThreadsKept();

 private:
  int n_;
};

/// Physical parallelism for the default: the number of processors this process may run on.
int available_threads();

/// The BLAS library in use, such as "OpenBLAS 0.3.21 ... SkylakeX", or "unknown BLAS".
std::string blas_name();

/// A warning in words where a BLAS of this name is not OpenBLAS or MKL (the reference BLAS is about 40 times slower);
/// else empty.
std::string blas_warning(const std::string& blas_name);

}  // namespace cprobe
