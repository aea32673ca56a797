#pragma once

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace cprobe::bench {

inline double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Median of several timings after one warm-up.
inline double median_seconds(const std::function<void()>& work, int n_runs = 9) {
  work();
  std::vector<double> times;
  for (int i = 0; i < n_runs; ++i) times.push_back(seconds_of(work));
  std::ranges::nth_element(times, times.begin() + n_runs / 2);
  return times[static_cast<size_t>(n_runs / 2)];
}

/// One bare [m, k] x [k, n] float32 GEMM on this machine, now.
inline double gemm_seconds(int64_t m, int64_t n, int64_t k) {
  const at::Tensor a = at::rand({m, k}), b = at::rand({k, n});
  at::Tensor c = at::empty({m, n});
  return median_seconds([&] { at::mm_out(c, a, b); });
}

/// Reading `n_floats` and writing as many, in place: the least that an elementwise pass over them costs.
inline double pass_seconds(int64_t n_floats) {
  at::Tensor x = at::rand({n_floats});
  return median_seconds([&] { x.mul_(1.0f); });
}

/// Puts the bound and how close the measured time comes into a benchmark's counters.
/// @param seconds measured time of one step. @param gemm, passes bare GEMM and elementwise time of one step.
inline void report(benchmark::State& state, double seconds, double gemm, double passes) {
  state.counters["step_ms"] = seconds * 1e3;
  state.counters["gemm_ms"] = gemm * 1e3;
  state.counters["bound_ms"] = (gemm + passes) * 1e3;
  state.counters["step/bound"] = seconds / (gemm + passes);
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) / 1024.0;
}

}  // namespace cprobe::bench
