#include "cprobe/run/compute_cells.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"

namespace cprobe {
namespace {

/// Cells by what became of them, for whoever follows a run.
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

  /// @param problem empty: it was computed.
  void end(size_t cell, const std::string& problem) {
    running_.erase(cell);
    seconds_over_ += seconds_.at(cell);
    ++(problem.empty() ? n_done_ : n_failed_);
    tell_event(problem.empty() ? CellEvent::Kind::kDone : CellEvent::Kind::kFailed, cell, problem);
    show("");
  }

  /// It goes to somebody else.
  void give_up(size_t cell) { running_.erase(cell); }

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

  /// @param seconds expected of what is done, out of all.
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
  std::map<size_t, double> seconds_;  ///< Expected, by cell.
  std::map<size_t, double> running_;  ///< Share that is done, by cell.
  double seconds_in_all_ = 0;         ///< Expected of all cells.
  double seconds_over_ = 0;           ///< Expected of the cells that are over.
  size_t n_done_ = 0, n_failed_ = 0, n_elsewhere_ = 0;
};

/// One call of compute_cells.
class Computation {
 public:
  Computation(Store& store, const CellBatch& batch, Workers& workers, const RunCallbacks& callbacks,
              RunSummary& summary)
      : store_(store),
        batch_(batch),
        workers_(workers),
        summary_(summary),
        callbacks_(callbacks),
        follower_(batch, callbacks),
        scheduler_(batch.unfinished, workers.count()) {}

  void run() {
    try {
      while (!scheduler_.finished()) {
        stop_if_interrupted();
        give_cells();
        if (scheduler_.finished()) break;
        take_all(std::chrono::milliseconds(100));
        if (lost_.size() == workers_.count()) {
          throw failure("no worker is left{}; what was finished is kept", why_lost_.empty() ? "" : ": " + why_lost_);
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

  /// Cells that others had claimed when they came to be begun.
  int64_t n_skipped() const { return n_skipped_; }

 private:
  void give_cells() {
    for (auto worker = idle_.begin(); worker != idle_.end();) {
      const std::optional<size_t> cell = next(*worker);
      if (!cell) return;
      store_.begin_cell(batch_.plan[*cell].id);
      follower_.begin(*cell);
      workers_.give(*worker, *cell);
      worker = idle_.erase(worker);
    }
  }

  std::optional<size_t> next(size_t worker) {
    while (const std::optional<size_t> cell = scheduler_.next(worker)) {
      if (!batch_.claim || batch_.claim(batch_.plan[*cell].id)) return cell;
      scheduler_.finish(*cell);
      follower_.skip(*cell);
      ++n_skipped_;
    }
    return std::nullopt;
  }

  /// @param computed_only of what was said: after a request to stop. @return whether there was such.
  bool take_all(std::chrono::milliseconds wait, bool computed_only = false) {
    std::vector<WorkerReport> reports = workers_.reports(wait);
    // What is finished is recorded before anything else can end the run.
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
      lost_.erase(report.worker);
      return follower_.advance(cell, report.share, report.text);
    }
    if (report.kind == WorkerReport::Kind::kLost) {
      lost_.insert(report.worker);
      idle_.erase(report.worker);
      const bool is_in_cell = report.text.empty();
      if (!is_in_cell) {
        why_lost_ = report.text;
        tell(callbacks_.on_message, {Message::Kind::kWarning, "a worker cannot go on: " + report.text});
      }
      if (scheduler_.running().contains(report.worker)) follower_.give_up(scheduler_.running().at(report.worker));
      if (const auto over = scheduler_.lose(report.worker, is_in_cell))
        end(*over, "two workers were lost while they computed it");
      return;
    }
    // A worker that was taken for lost may be heard of again.
    lost_.erase(report.worker);
    idle_.insert(report.worker);
    if (report.kind == WorkerReport::Kind::kReady) return;
    if (report.kind == WorkerReport::Kind::kStopped) throw Error(ErrorKind::kInterrupted, report.text);
    if (!scheduler_.finish(cell)) return;
    const bool is_computed = report.kind == WorkerReport::Kind::kComputed;
    // A record that cannot be written ends the run: what is computed from here on would be lost as well.
    if (is_computed) store_.record(batch_.plan[cell].id, report.finished);
    end(cell, is_computed ? "" : report.text);
  }

  void end(size_t cell, const std::string& problem) {
    if (!problem.empty()) store_.record_failure(batch_.plan[cell].id, problem);
    if (batch_.over) batch_.over(batch_.plan[cell].id, problem.empty());
    summary_.add(batch_.plan[cell].label, problem);
    follower_.end(cell, problem);
  }

  Store& store_;
  const CellBatch& batch_;
  Workers& workers_;
  RunSummary& summary_;
  const RunCallbacks& callbacks_;
  Follower follower_;
  Scheduler scheduler_;
  std::set<size_t> idle_, lost_;
  std::string why_lost_;  ///< As the last one said that could say it.
  int64_t n_skipped_ = 0;
};

int64_t n_finished(const Store& store, const std::vector<PlannedCell>& plan) {
  const std::set<std::string> finished = store.finished();
  return std::ranges::count_if(plan, [&](const PlannedCell& cell) { return finished.contains(cell.id); });
}

}  // namespace

void compute_cells(Store& store, const CellBatch& batch, Workers& workers, const RunCallbacks& callbacks,
                   RunSummary& summary) {
  try {
    Computation all(store, batch, workers, callbacks, summary);
    all.run();
    summary.n_elsewhere = all.n_skipped();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInterrupted) throw;
    store.export_tables();
    throw Error(
        ErrorKind::kInterrupted,
        fmt::format(
            "stopped: {} of {} cells are finished and kept in {}; the same command, without --overwrite, continues",
            n_finished(store, batch.plan), batch.plan.size(), summary.out.string()));
  }
  store.export_tables();
}

}  // namespace cprobe
