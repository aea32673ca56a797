#include "cprobe/core/threads.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <thread>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// A function by name, from any library in this process; nullptr if no loaded library has the
/// function. We link no BLAS ourselves: libtorch brings one of its choice.
template <typename Function>
Function* loaded_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

/// "MKL" with its version, from libtorch's description of its own build.
std::string mkl_name() {
  const std::string description = at::show_config();
  const size_t found = description.find("Math Kernel Library");
  if (found == std::string::npos) return "MKL";
  return "MKL: " + description.substr(found, description.find('\n', found) - found);
}

}  // namespace

void set_threads(int n) {
  if (n < 1) throw input_error("the number of threads must be at least 1, not {}", n);
  at::set_num_threads(n);
  omp_set_num_threads(n);
  // Debian's libtorch does not set OpenBLAS's own pool, which then uses every processor.
  if (auto* set_openblas = loaded_function<void(int)>("openblas_set_num_threads")) set_openblas(n);
#pragma omp parallel
  at::globalContext().setFlushDenormal(true);
}

ThreadsKept::ThreadsKept() : n_(at::get_num_threads()) {}
ThreadsKept::~ThreadsKept() {
  set_threads(n_);
}

int available_threads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  // The machine has more processors than cpu_set_t has room for.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string blas_name() {
  if (at::hasMKL()) return mkl_name();
  auto* get_config = loaded_function<char*()>("openblas_get_config");
  if (get_config == nullptr) return "unknown BLAS";
  std::string name = get_config();
  auto* get_core = loaded_function<char*()>("openblas_get_corename");
  if (get_core != nullptr && name.find(get_core()) == std::string::npos) name += fmt::format(" {}", get_core());
  return name;
}

std::string blas_warning(const std::string& library) {
  for (const char* fast : {"oneDNN", "OpenBLAS", "MKL"}) {
    if (library.starts_with(fast)) return "";
  }
  return fmt::format(
      "{}: matrix products may be about 40 times slower than they need be; install libopenblas0-openmp (Debian, "
      "Ubuntu)",
      library);
}

}  // namespace cprobe
