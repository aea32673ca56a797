#include "cprobe/run/compute_cells.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"

namespace cprobe {
namespace {

/// Counts cells by their state, and tells RunCallbacks about each change.
class Follower {
 public:
  Follower(const CellBatch& batch, const RunCallbacks& callbacks) : batch_(batch), callbacks_(callbacks) {
    for (const ScheduledCell& cell : batch.unfinished) {
      seconds_[cell.cell] = cell.seconds;
      seconds_in_all_ += cell.seconds;
    }
    n_failed_ = batch.n_failed;
    n_done_ = batch.plan.size() - batch.unfinished.size() - n_failed_;
    tell_progress("");
  }

  void begin(size_t cell) {
    running_[cell] = 0;
    tell_event(CellEvent::Kind::kBegun, cell, "");
  }

  void advance(size_t cell, double share, const std::string& note) {
    const auto running = running_.find(cell);
    if (running == running_.end()) return;
    running->second = std::clamp(share, 0.0, 1.0);
    show(fmt::format("{}, {}", batch_.plan[cell].label, note));
  }

  /// @param problem  the cell's error; empty if the cell was computed.
  void end(size_t cell, const std::string& problem) {
    running_.erase(cell);
    seconds_over_ += seconds_.at(cell);
    ++(problem.empty() ? n_done_ : n_failed_);
    tell_event(problem.empty() ? CellEvent::Kind::kDone : CellEvent::Kind::kFailed, cell, problem);
    show("");
  }

  /// The cell's worker was lost. The cell may begin again on another worker.
  void give_up(size_t cell) { running_.erase(cell); }

  /// The cell is left to another process.
  void skip(size_t cell) {
    seconds_over_ += seconds_.at(cell);
    ++n_elsewhere_;
  }

 private:
  static int64_t milliseconds(double seconds) { return std::llround(seconds * 1e3); }

  void show(const std::string& note) {
    double seconds = seconds_over_;
    for (const auto& [cell, share] : running_) seconds += share * seconds_.at(cell);
    std::string counts = fmt::format("{} of {} done", n_done_, batch_.plan.size());
    if (running_.size() > 1) counts += fmt::format(", {} running", running_.size());
    if (n_failed_ > 0) counts += fmt::format(", {} failed", n_failed_);
    if (n_elsewhere_ > 0) counts += fmt::format(", {} elsewhere", n_elsewhere_);
    tell_progress(counts + (note.empty() ? "" : ": " + note), seconds);
  }

  /// @param seconds  expected time of the work that is done, of `seconds_in_all_`.
  void tell_progress(const std::string& note, double seconds = 0) const {
    tell(callbacks_.on_progress, {.what = batch_.what,
                                  .done = milliseconds(seconds),
                                  .total = std::max<int64_t>(1, milliseconds(seconds_in_all_)),
                                  .note = note,
                                  .is_counted = false});
  }

  void tell_event(CellEvent::Kind kind, size_t cell, const std::string& problem) const {
    if (!callbacks_.on_cell) return;
    callbacks_.on_cell({.kind = kind,
                        .cell = batch_.plan[cell],
                        .n_done = n_done_,
                        .n_running = running_.size(),
                        .n_failed = n_failed_,
                        .n_cells = batch_.plan.size(),
                        .problem = problem});
  }

  const CellBatch& batch_;
  const RunCallbacks& callbacks_;
  std::map<size_t, double> seconds_;  ///< Expected time, by cell.
  std::map<size_t, double> running_;  ///< Share that is done, by running cell.
  double seconds_in_all_ = 0;         ///< Expected time of all cells.
  double seconds_over_ = 0;           ///< Expected time of the cells that are over.
  size_t n_done_ = 0, n_failed_ = 0, n_elsewhere_ = 0;
};

/// One call of compute_cells.
struct Computation {
  Store& store;
  const CellBatch& batch;
  Workers& workers;
  const RunCallbacks& callbacks;
  RunSummary& summary;
  Follower follower{batch, callbacks};
  Scheduler scheduler{batch.unfinished, workers.count()};
  std::set<size_t> idle = {}, lost = {};
  std::string why_lost = {};  ///< The last reason that a lost worker gave; empty if none gave one.

  void run() {
    try {
      while (!scheduler.finished()) {
        stop_if_interrupted();
        give_cells();
        if (scheduler.finished()) break;
        take_all(std::chrono::milliseconds(100));
        if (lost.size() == workers.count()) {
          throw failure("no worker is left{}; what was finished is kept", why_lost.empty() ? "" : ": " + why_lost);
        }
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) {
        while (take_all(std::chrono::milliseconds(0), true)) {
        }
      }
      throw;
    }
  }

  void give_cells() {
    for (auto worker = idle.begin(); worker != idle.end();) {
      const std::optional<size_t> cell = next(*worker);
      if (!cell) return;
      store.begin_cell(batch.plan[*cell].id);
      follower.begin(*cell);
      workers.give(*worker, *cell);
      worker = idle.erase(worker);
    }
  }

  /// The next cell of a worker, skipping cells of other processes.
  std::optional<size_t> next(size_t worker) {
    while (const std::optional<size_t> cell = scheduler.next(worker)) {
      if (!batch.claim || batch.claim(batch.plan[*cell].id)) return cell;
      scheduler.finish(*cell);
      follower.skip(*cell);
      ++summary.n_elsewhere;
    }
    return std::nullopt;
  }

  /// Takes the reports of workers.
  /// @param computed_only  takes only computed cells (after a request to stop).
  /// @return  whether a computed cell was among the reports.
  bool take_all(std::chrono::milliseconds wait, bool computed_only = false) {
    std::vector<WorkerReport> reports = workers.reports(wait);
    // Computed cells come first, to be recorded before another report can end the run.
    const auto is_computed = [](const WorkerReport& report) { return report.kind == WorkerReport::Kind::kComputed; };
    std::stable_partition(reports.begin(), reports.end(), is_computed);
    for (WorkerReport& report : reports) {
      if (!computed_only || is_computed(report)) take(report);
    }
    return !reports.empty() && is_computed(reports.front());
  }

  void take(WorkerReport& report) {
    const size_t cell = report.cell;
    if (report.kind == WorkerReport::Kind::kProgress) {
      lost.erase(report.worker);
      return follower.advance(cell, report.share, report.text);
    }
    if (report.kind == WorkerReport::Kind::kLost) {
      lost.insert(report.worker);
      idle.erase(report.worker);
      const bool is_in_cell = report.text.empty();
      if (!is_in_cell) {
        why_lost = report.text;
        tell(callbacks.on_message, {Message::Kind::kWarning, "a worker cannot go on: " + report.text});
      }
      if (scheduler.running().contains(report.worker)) follower.give_up(scheduler.running().at(report.worker));
      if (const auto over = scheduler.lose(report.worker, is_in_cell))
        end(*over, "two workers were lost while they computed it");
      return;
    }
    // A worker that counted as lost may report again.
    lost.erase(report.worker);
    idle.insert(report.worker);
    if (report.kind == WorkerReport::Kind::kReady) return;
    if (report.kind == WorkerReport::Kind::kStopped) throw Error(ErrorKind::kInterrupted, report.text);
    if (!scheduler.finish(cell)) return;
    const bool is_computed = report.kind == WorkerReport::Kind::kComputed;
    // A record that cannot be written ends the run, because later cells would be lost as well.
    if (is_computed) store.record(batch.plan[cell].id, report.finished);
    end(cell, is_computed ? "" : report.text);
  }

  void end(size_t cell, const std::string& problem) {
    if (!problem.empty()) store.record_failure(batch.plan[cell].id, problem);
    if (batch.over) batch.over(batch.plan[cell].id, problem.empty());
    summary.add(batch.plan[cell].label, problem);
    follower.end(cell, problem);
  }
};

}  // namespace

void compute_cells(Store& store, const CellBatch& batch, Workers& workers, const RunCallbacks& callbacks,
                   RunSummary& summary) {
  try {
    Computation{store, batch, workers, callbacks, summary}.run();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInterrupted) throw;
    store.export_tables();
    const std::set<std::string> finished = store.finished();
    const auto is_finished = [&](const PlannedCell& cell) { return finished.contains(cell.id); };
    throw Error(
        ErrorKind::kInterrupted,
        fmt::format(
            "stopped: {} of {} cells are finished and kept in {}; the same command, without --overwrite, continues",
            std::ranges::count_if(batch.plan, is_finished), batch.plan.size(), summary.out.string()));
  }
  store.export_tables();
}

}  // namespace cprobe
