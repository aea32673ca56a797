#include "cprobe/run/workers.h"

#include <c10/util/Exception.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "cprobe/core/error.h"
#include "cprobe/core/threads.h"

namespace cprobe {
namespace {

/// Pins this thread, and the threads that it will start, to `n_threads` processors of its own among
/// those that the process may use. Does nothing if all workers together do not take exactly these
/// processors: other programs may be meant to use the rest.
void pin(size_t worker, const Parallelism& parallelism) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  if (CPU_COUNT(&allowed) != parallelism.n_jobs * parallelism.n_threads) return;
  const auto n_threads = static_cast<size_t>(parallelism.n_threads);
  cpu_set_t own;
  CPU_ZERO(&own);
  size_t place = 0;
  for (size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed)) continue;
    if (place / n_threads == worker) CPU_SET(processor, &own);
    ++place;
  }
  sched_setaffinity(0, sizeof(own), &own);
}

/// The message of an exception. An exception of libtorch (such as "out of memory") is cut to its
/// first line, without backtrace and advice to programmers.
std::string text_of(const std::exception& error) {
  const auto* of_libtorch = dynamic_cast<const c10::Error*>(&error);
  if (of_libtorch == nullptr) return error.what();
  const std::string text = of_libtorch->what_without_backtrace();
  return text.substr(0, text.find('\n'));
}

class ThreadWorkers : public Workers {
 public:
  ThreadWorkers(const Parallelism& parallelism, MakeComputeCell make)
      : parallelism_(parallelism), make_(std::move(make)), next_(static_cast<size_t>(parallelism.n_jobs)) {
    try {
      for (size_t worker = 0; worker < next_.size(); ++worker) {
        threads_.emplace_back([this, worker] { work(worker); });
      }
    } catch (const std::system_error& error) {
      stop();
      throw failure("cannot begin {} threads (--jobs): {}", next_.size(), error.what());
    }
  }

  ~ThreadWorkers() override { stop(); }

  size_t count() const override { return threads_.size(); }

  void give(size_t worker, size_t cell) override {
    {
      const std::lock_guard lock(mutex_);
      next_[worker] = cell;
    }
    given_.notify_all();
  }

  std::vector<WorkerReport> reports(std::chrono::milliseconds wait) override {
    std::unique_lock lock(mutex_);
    said_.wait_for(lock, wait, [&] { return !reports_.empty(); });
    std::vector<WorkerReport> reports;
    for (auto& [worker, progress] : progress_) reports.push_back(std::move(progress));
    progress_.clear();
    std::ranges::move(reports_, std::back_inserter(reports));
    reports_.clear();
    return reports;
  }

 private:
  void work(size_t worker) {
    pin(worker, parallelism_);
    set_threads(parallelism_.n_threads);
    say({.kind = WorkerReport::Kind::kReady, .worker = worker});
    ComputeCell compute;
    while (const std::optional<size_t> cell = take(worker)) {
      try {
        // Made with the first cell, so that a worker without cells takes no memory. A failure here
        // is not the cell's.
        if (!compute) compute = make_(worker);
      } catch (const std::exception& error) {
        return say({.kind = WorkerReport::Kind::kLost, .worker = worker, .cell = *cell, .text = text_of(error)});
      }
      say(attempt(worker, *cell, compute));
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    given_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void say(WorkerReport report) {
    {
      const std::lock_guard lock(mutex_);
      progress_.erase(report.worker);
      reports_.push_back(std::move(report));
    }
    said_.notify_one();
  }

  std::optional<size_t> take(size_t worker) {
    std::unique_lock lock(mutex_);
    given_.wait(lock, [&] { return stopping_ || next_[worker]; });
    if (stopping_) return std::nullopt;
    return std::exchange(next_[worker], std::nullopt);
  }

  /// Computes a cell. Turns all exceptions into a report.
  WorkerReport attempt(size_t worker, size_t cell, const ComputeCell& compute) {
    WorkerReport report{.kind = WorkerReport::Kind::kFailed, .worker = worker, .cell = cell};
    const auto start = std::chrono::steady_clock::now();
    try {
      report.finished = compute(cell, [&](const Progress& progress) {
        if (stopping_) throw Error(ErrorKind::kInterrupted, "stopped");
        const std::lock_guard lock(mutex_);
        progress_[worker] = {.worker = worker,
                             .cell = cell,
                             .share = progress.share(),
                             .text = progress.note.empty() ? progress.what : progress.note};
      });
      report.finished.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      report.kind = WorkerReport::Kind::kComputed;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) report.kind = WorkerReport::Kind::kStopped;
      report.text = error.what();
    } catch (const std::exception& error) {
      report.text = text_of(error);
    }
    return report;
  }

  const Parallelism parallelism_;
  const MakeComputeCell make_;
  std::mutex mutex_;
  std::condition_variable given_, said_;
  std::vector<std::optional<size_t>> next_;  ///< The cell given but not yet begun, by worker.
  std::vector<WorkerReport> reports_;
  std::map<size_t, WorkerReport> progress_;  ///< The latest progress, by worker.
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Workers> thread_workers(const Parallelism& parallelism, MakeComputeCell make) {
  return std::make_unique<ThreadWorkers>(parallelism, std::move(make));
}

}  // namespace cprobe
