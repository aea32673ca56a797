/// Counts of events in many runs, as Markdown.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cprobe/core/threads.h"
#include "cprobe/evaluate/intervals.h"

namespace cprobe::bench {

/// Calls `compute` with each number below `n`, on all processors, and tells of the progress.
/// @return  the results in order, whichever thread computed them.
template <typename Compute>
auto in_parallel(const std::string& what, int64_t n, const Compute& compute) {
  std::vector<decltype(compute(n))> results(static_cast<size_t>(n));
  std::atomic<int64_t> next = 0, done = 0;
  std::mutex failing;
  std::exception_ptr failed;
  const auto work = [&] {
    set_threads(1);
    for (int64_t i = next++; i < n; i = next++) {
      try {
        results[static_cast<size_t>(i)] = compute(i);
      } catch (...) {
        const std::lock_guard lock(failing);
        failed = std::current_exception();
        next = n;
      }
      fmt::print(stderr, "\r{}: {} of {}   ", what, ++done, n);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < available_threads(); ++i) threads.emplace_back(work);
  threads.clear();
  fmt::print(stderr, "\n");
  if (failed) std::rethrow_exception(failed);
  return results;
}

/// How often an event happened.
struct Count {
  int64_t n = 0, of = 0;

  void add(bool happened) {
    n += happened ? 1 : 0;
    ++of;
  }
  /// "0.048 (0.034 to 0.066)": the share and Clopper and Pearson's 95 % interval.
  std::string text() const {
    if (of == 0) return "-";
    const Bounds bounds = clopper_pearson(n, of);
    return fmt::format("{:.3f} ({:.3f} to {:.3f})", static_cast<double>(n) / static_cast<double>(of), bounds.lower,
                       bounds.upper);
  }
};

/// A table of counts: rows and columns in the order in which they were first counted.
class Counts {
 public:
  Counts(std::string title, std::string rows) : title_(std::move(title)), rows_(std::move(rows)) {}

  void add(const std::string& row, const std::string& column, bool happened) {
    if (std::ranges::find(row_names_, row) == row_names_.end()) row_names_.push_back(row);
    if (std::ranges::find(columns_, column) == columns_.end()) columns_.push_back(column);
    counts_[{row, column}].add(happened);
  }

  void print() const {
    fmt::print("\n**{}**\n\n| {} |", title_, rows_);
    for (const std::string& column : columns_) fmt::print(" {} |", column);
    fmt::print("\n|---|");
    for (size_t i = 0; i < columns_.size(); ++i) fmt::print("---|");
    for (const std::string& row : row_names_) {
      int64_t most = 0;
      for (const std::string& column : columns_) most = std::max(most, count(row, column).of);
      fmt::print("\n| {} ({}) |", row, most);
      for (const std::string& column : columns_) fmt::print(" {} |", count(row, column).text());
    }
    fmt::print("\n");
    std::fflush(stdout);
  }

 private:
  Count count(const std::string& row, const std::string& column) const {
    const auto found = counts_.find({row, column});
    return found == counts_.end() ? Count() : found->second;
  }

  std::string title_, rows_;
  std::vector<std::string> row_names_, columns_;
  std::map<std::pair<std::string, std::string>, Count> counts_;
};

}  // namespace cprobe::bench
