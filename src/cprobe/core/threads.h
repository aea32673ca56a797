#pragma once

#include <string>

namespace cprobe {

/// Sets the number of threads of libtorch, of OpenMP and, if OpenBLAS has a pool of its own, of
/// that pool. No other function does.
///
/// On each of these threads, denormal numbers (below 1.2e-38 in size) become zero: processors are
/// many times slower with denormals, and the last epochs of mask training make many.
/// @param n  >= 1.
/// @throws Error (kInput) if n < 1.
void set_threads(int n);

/// Sets, when destroyed, the number of threads that was set when it was constructed.
class ThreadsKept {
 public:
  ThreadsKept();
  ThreadsKept(const ThreadsKept&) = delete;
  ThreadsKept& operator=(const ThreadsKept&) = delete;
  ~ThreadsKept();

 private:
  int n_;
};

/// The number of processors that this process may run on, at least 1; the default number of
/// threads.
int available_threads();

/// The BLAS library in use, such as "OpenBLAS 0.3.21 ... SkylakeX", or "unknown BLAS".
std::string blas_name();

/// A warning in words if the library of this name, which multiplies matrices, is none of oneDNN,
/// OpenBLAS and MKL; else empty. (The reference BLAS is about 40 times slower.)
std::string blas_warning(const std::string& library);

}  // namespace cprobe
