#include "cprobe/run/run_cells.h"

#include <algorithm>
#include <map>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/threads.h"
#include "cprobe/run/cluster/rank_workers.h"
#include "cprobe/run/cluster/shards.h"
#include "cprobe/run/device_data.h"
#include "cprobe/run/parallelism.h"
#include "cprobe/run/run_lock.h"

namespace cprobe {
namespace {

bool is_other_rank(const RunOptions& options) {
  return options.ranks != nullptr && options.ranks->rank() > 0;
}

/// By which ranks see that they mean the same cells.
std::string hash_of(const std::vector<PlannedCell>& plan) {
  uint64_t sum = 0;
  for (const PlannedCell& cell : plan) sum = hash(cell.id, sum);
  return to_hex(sum);
}

/// Planned cells that failed in an earlier call and are left so. @return how many.
size_t add_earlier_failures(const Store& store, const std::vector<PlannedCell>& plan, RunSummary& summary) {
  std::map<std::string, std::string> errors;
  for (const CellEntry& cell : store.cells()) {
    if (cell.status == CellStatus::kFailed) errors[cell.id] = cell.error;
  }
  for (const PlannedCell& cell : plan) {
    if (errors.contains(cell.id)) summary.add(cell.label, errors.at(cell.id));
  }
  return summary.failures.size();
}

/// One call of run_cells.
class CellRun {
 public:
  CellRun(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const CellSet& set,
          const RunOptions& options, std::filesystem::path folder)
      : spec_(spec),
        cells_(cells),
        data_(data),
        set_(set),
        options_(options),
        folder_(std::move(folder)),
        // Rank 0 computes nothing.
        on_devices_(data, options.ranks == nullptr || is_other_rank(options) ? options.device : at::Device(at::kCPU)) {}

  /// On another rank.
  void serve() {
    const RankStart start = wait_for_start(*options_.ranks);
    if (!start.has_work) return;
    set_threads(start.parallelism.n_threads);
    const std::vector<PlannedCell> plan = set_.plan(start.parallelism.n_threads);
    if (hash_of(plan) != start.plan) {
      throw input_error("it would compute other cells than rank 0: another spec, model, data or version of cprobe");
    }
    std::filesystem::create_directories(folder_);  // for streams that do not fit into memory
    cprobe::serve(*options_.ranks, *threads(start.parallelism, plan), options_.rank_timeout);
  }

  void compute(RunSummary& summary) {
    check_names(folder_);
    if (is_shard() && options_.again.all) {
      throw input_error(
          "--overwrite would lose what other shards found; take another run folder, or go without --shard");
    }
    const std::filesystem::path own = is_shard() ? shard_folder(folder_, options_.shard) : folder_;
    const auto meanwhile = options_.ranks ? sign_of_life(*options_.ranks) : std::function<void()>();
    const std::unique_ptr<RunLock> lock =
        is_shard() ? std::make_unique<RunLock>(own, options_.wait, callbacks().on_message, meanwhile)
                   : lock_whole(folder_, options_.wait, callbacks().on_message, meanwhile);
    if (!is_shard()) gather_shards(folder_);
    // Tasks that share a folder must agree: the first to come settles it.
    const Parallelism parallelism =
        is_shard() ? shared_parallelism(
                         folder_, options_.device, [&] { return settle(); }, callbacks().on_message)
                   : settle();
    set_threads(parallelism.n_threads);
    CellBatch batch{.what = set_.what, .plan = set_.plan(parallelism.n_threads)};
    Store store = open_run(own, batch.plan,
                           {.parallelism = parallelism,
                            .device = options_.device,
                            .model = spec_.model.folder,
                            .spec = spec_.text,
                            .fingerprints = data_.fingerprints},
                           options_.again);
    const std::vector<size_t> unfinished = unfinished_cells(store, batch.plan);
    batch.n_failed = add_earlier_failures(store, batch.plan, summary);
    schedule(store, batch, unfinished, parallelism);
    summary.n_cells = std::ssize(batch.plan);
    std::optional<Claims> claims;
    if (is_shard()) share(batch, claims, own);
    const std::unique_ptr<Workers> workers = workers_for(batch, parallelism);
    compute_cells(store, batch, *workers, callbacks(), summary);
  }

 private:
  bool is_shard() const { return !options_.shard.empty(); }
  const RunCallbacks& callbacks() const { return options_.callbacks; }

  NewRows scratch_for(int n_jobs) const {
    return stream_rows(data_, options_.device, options_.memory / n_jobs, folder_);
  }

  std::unique_ptr<Workers> threads(const Parallelism& parallelism, const std::vector<PlannedCell>& plan) {
    const int n_jobs = parallelism.n_jobs;
    return thread_workers(parallelism, [this, &plan, n_jobs, scratch = scratch_for(n_jobs)](size_t worker) {
      return set_.make_compute(plan, scratch, on_devices_.of_worker(worker, n_jobs));
    });
  }

  std::unique_ptr<Workers> workers_for(const CellBatch& batch, const Parallelism& parallelism) {
    if (options_.ranks != nullptr) {
      start_ranks(*options_.ranks, {parallelism, hash_of(batch.plan), !batch.unfinished.empty()});
      return rank_workers(*options_.ranks, parallelism.n_jobs, options_.rank_timeout, callbacks().on_message);
    }
    const int n_needed = static_cast<int>(std::max<size_t>(1, batch.unfinished.size()));
    return threads({std::min(parallelism.n_jobs, n_needed), parallelism.n_threads}, batch.plan);
  }

  Parallelism settle() {
    return settle_parallelism(options_.n_jobs, options_.n_threads, recorded_parallelism(folder_, options_.device),
                              [&] { return measure(); });
  }

  /// Where it cannot be measured, what is wrong with the cells is told when they are computed.
  Parallelism measure() {
    if (!options_.device.is_cpu()) return gpu_parallelism(options_.device, options_.ranks != nullptr);
    try {
      MeasuredParallelism measured =
          measure_parallelism(spec_, cells_, data_, options_.memory, folder_, callbacks().on_progress);
      estimate_.emplace(std::move(measured.estimate));
      tell(callbacks().on_message,
           {Message::Kind::kNote, fmt::format("{} cells at once, {} threads each: measured, kept in the run folder",
                                              measured.parallelism.n_jobs, measured.parallelism.n_threads)});
      return measured.parallelism;
    } catch (const std::exception& error) {
      stop_if_interrupted();
      if (callbacks().follow_time()) {
        tell(callbacks().on_message,
             {Message::Kind::kWarning,
              fmt::format("one cell at a time: cannot measure what is faster ({})", error.what())});
      }
      return {1, available_threads()};
    }
  }

  /// Sets what is to be computed, in order, and records what it is expected to take.
  void schedule(Store& store, CellBatch& batch, const std::vector<size_t>& unfinished, const Parallelism& parallelism) {
    const bool is_wanted = callbacks().follow_time() || parallelism.n_jobs > 1 || options_.ranks != nullptr;
    const bool is_possible = set_.is_estimated && !unfinished.empty();
    if (!is_possible) estimate_.reset();
    // Rank 0 has no GPU to measure.
    if (is_possible && is_wanted && !estimate_ && (options_.ranks == nullptr || options_.device.is_cpu())) {
      const NewRows scratch = scratch_for(parallelism.n_jobs);
      try {
        estimate_.emplace(spec_, cells_, on_devices_.of_worker(0, parallelism.n_jobs), scratch,
                          callbacks().on_progress);
      } catch (const std::exception&) {
        stop_if_interrupted();  // otherwise as `measure`
      }
    }
    batch.unfinished = set_.schedule(unfinished, estimate_ ? &*estimate_ : nullptr);
    if (!estimate_) return;
    std::vector<std::pair<std::string, double>> expected;
    for (const ScheduledCell& cell : batch.unfinished) expected.emplace_back(batch.plan[cell.cell].id, cell.seconds);
    store.expect(expected);
  }

  /// Leaves out what the folder's record has already, and asks before a cell is begun.
  void share(CellBatch& batch, std::optional<Claims>& claims, const std::filesystem::path& own) {
    {
      // Nobody writes meanwhile: SQLite lets others read only on the same machine.
      const RunLock quiescence(folder_, true, callbacks().on_message);
      const std::set<std::string> gathered = Store::open_existing(folder_).finished();
      std::erase_if(batch.unfinished,
                    [&](const ScheduledCell& cell) { return gathered.contains(batch.plan[cell.cell].id); });
    }
    claims.emplace(folder_, own, options_.again.failed);
    batch.claim = [&](const std::string& id) { return claims->take(id); };
    batch.over = [&](const std::string& id, bool is_done) { claims->finish(id, is_done); };
  }

  const Spec& spec_;
  const std::vector<Cell>& cells_;
  const RunData& data_;
  const CellSet& set_;
  const RunOptions& options_;
  const std::filesystem::path folder_;
  DeviceData on_devices_;
  std::optional<Estimate> estimate_;
};

}  // namespace

RunSummary run_cells(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const CellSet& set,
                     const RunOptions& options, RunSummary summary) {
  const ThreadsKept threads_kept;
  CellRun run(spec, cells, data, set, options, summary.out);
  if (is_other_rank(options)) {
    summary.is_reported_by_rank_zero = true;
    run.serve();
  } else {
    run.compute(summary);
  }
  return summary;
}

RunSummary report_to_rank_zero(const RunOptions& options, const std::function<RunSummary()>& run) {
  try {
    return run();
  } catch (const std::exception& error) {
    if (options.ranks == nullptr) throw;
    if (!is_other_rank(options)) {
      start_ranks(*options.ranks, {.has_work = false});
      throw;
    }
    if (!interrupted()) report_unfit(*options.ranks, error.what());
    return {.is_reported_by_rank_zero = true};
  }
}

}  // namespace cprobe
