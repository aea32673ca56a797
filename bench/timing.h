#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "cprobe/core/memory.h"
#include "cprobe/core/threads.h"

namespace cprobe::bench {

/// Sets the process up as `cprobe` does: all processors, and freed memory kept.
inline void begin_computing() {
  keep_freed_memory();
  set_threads(available_threads());
}

inline double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<int64_t>(values.size() / 2));
  return values[values.size() / 2];
}

/// Median of several timings, after one run to warm up.
inline double median_seconds(const std::function<void()>& work, int n_runs = 9) {
  work();
  std::vector<double> times(static_cast<size_t>(n_runs));
  for (double& time : times) time = seconds_of(work);
  return median(times);
}

}  // namespace cprobe::bench
