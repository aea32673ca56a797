#include "cprobe/run/parallelism.h"

#include <algorithm>
#include <exception>
#include <thread>

#include "cprobe/core/device.h"
#include "cprobe/core/memory.h"
#include "cprobe/core/threads.h"
#include "cprobe/record/store.h"
#include "cprobe/run/run_folder.h"
#include "cprobe/run/run_lock.h"

namespace cprobe {
namespace {

/// Seconds to compute all cells, `n_jobs` at a time.
double makespan(const Estimate& estimate, const std::vector<Cell>& cells, int n_jobs) {
  double sum = 0, longest = 0;
  const Cell* before = nullptr;
  for (const Cell& cell : cells) {
    const double seconds = estimate.of(cell, before).total();
    sum += seconds;
    longest = std::max(longest, seconds);
    before = &cell;
  }
  return std::max(sum / n_jobs, longest);
}

/// Calls `measure` with each number below `n_jobs`, on a thread each, as cells would run.
void beside_each_other(int n_jobs, const std::function<void(size_t)>& measure) {
  std::vector<std::exception_ptr> problems(static_cast<size_t>(n_jobs));
  std::vector<std::jthread> threads;  // jthread: joined even if a later thread cannot be started.
  for (size_t i = 0; i < problems.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        set_threads(1);
        measure(i);
      } catch (...) {
        problems[i] = std::current_exception();
      }
    });
  }
  threads.clear();
  for (const std::exception_ptr& problem : problems) {
    if (problem) std::rethrow_exception(problem);
  }
}

}  // namespace

std::optional<Parallelism> recorded_parallelism(const std::filesystem::path& folder, at::Device device) {
  if (!holds_run(folder) || RunLock::is_held_elsewhere(folder)) return std::nullopt;
  std::optional<Parallelism> last;
  for (const Invocation& call : Store::open_existing(folder).invocations()) {
    if (call.n_threads < 1 || call.device != device_kind(device)) continue;
    last = Parallelism{std::max(1, call.n_jobs), call.n_threads};
  }
  return last;
}

Parallelism settle_parallelism(int n_jobs, int n_threads, const std::optional<Parallelism>& recorded,
                               const std::function<Parallelism()>& measure) {
  if (n_jobs > 0 && n_threads > 0) return {n_jobs, n_threads};
  if (n_threads > 0) return {recorded && recorded->n_threads == n_threads ? recorded->n_jobs : 1, n_threads};
  if (recorded) return {n_jobs > 0 ? n_jobs : recorded->n_jobs, recorded->n_threads};
  if (n_jobs > 0) return {n_jobs, std::max(1, available_threads() / n_jobs)};
  return measure();
}

Parallelism gpu_parallelism(at::Device device, bool is_rank) {
  const int n_jobs = device.has_index() || is_rank ? 1 : std::max(1, n_gpus());
  return {n_jobs, std::max(1, available_threads() / n_jobs)};
}

MeasuredParallelism measure_parallelism(const Spec& spec, const std::vector<Cell>& cells, const RunData& data,
                                        bool in_full, int64_t memory, const std::filesystem::path& scratch,
                                        const OnProgress& on_progress) {
  const int n_processors = available_threads();
  set_threads(n_processors);
  const auto rows = [&](int n_jobs) { return stream_rows(data, at::kCPU, memory / n_jobs, scratch); };
  Estimate together(spec, cells, data, rows(1), on_progress);
  const auto choose_together = [&] {
    if (in_full) together.measure_costs(cells, rows(1));
    return MeasuredParallelism{{1, n_processors}, together, together.peak_memory()};
  };
  const int64_t n_fitting = std::max<int64_t>(1, available_memory() / std::max<int64_t>(1, together.cell_memory()));
  const int n_jobs = static_cast<int>(std::min({int64_t{n_processors}, n_fitting, std::ssize(cells)}));
  if (n_jobs == 1) return choose_together();
  std::vector<std::optional<Estimate>> beside(static_cast<size_t>(n_jobs));
  beside_each_other(n_jobs, [&](size_t i) { beside[i].emplace(spec, cells, data, rows(n_jobs)); });
  const auto epoch = [](const std::optional<Estimate>& estimate) { return estimate->epoch_seconds(); };
  const Estimate& slowest = **std::ranges::max_element(beside, {}, epoch);
  if (makespan(together, cells, 1) <= makespan(slowest, cells, n_jobs)) return choose_together();
  if (in_full) beside_each_other(n_jobs, [&](size_t i) { beside[i]->measure_costs(cells, rows(n_jobs)); });
  return {{n_jobs, 1}, slowest, together.peak_memory() + (n_jobs - 1) * together.cell_memory()};
}

}  // namespace cprobe
