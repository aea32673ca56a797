#include "cprobe/run/run_cells.h"

#include <algorithm>

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

/// A hash of the identities of all cells, by which ranks check that they have the same plan.
std::string hash_of(const std::vector<PlannedCell>& plan) {
  uint64_t sum = 0;
  for (const PlannedCell& cell : plan) sum = hash(cell.id, sum);
  return to_hex(sum);
}

/// Adds to a summary the planned cells that failed in an earlier call and are left so.
/// @return  their number.
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
struct CellRun {
  const Spec& spec;
  const std::vector<Cell>& cells;
  const RunData& data;
  const CellSet& set;
  const RunOptions& options;
  const std::filesystem::path folder;
  DeviceData on_devices;
  std::optional<Estimate> estimate = {};
  bool has_begun = false;  ///< Whether cells are being computed.

  /// On a rank other than 0: computes cells for rank 0.
  void serve() {
    const RankStart start = wait_for_start(*options.ranks);
    if (!start.has_work) return;
    set_threads(start.parallelism.n_threads);
    const std::vector<PlannedCell> plan = set.plan(start.parallelism.n_threads);
    if (hash_of(plan) != start.plan) {
      throw input_error("it would compute other cells than rank 0: another spec, model, data or version of cprobe");
    }
    std::filesystem::create_directories(folder);  // For scratch files of streams.
    cprobe::serve(*options.ranks, *threads(start.parallelism, plan), options.rank_timeout);
  }

  /// On rank 0, or without MPI: computes all unfinished cells.
  void compute(RunSummary& summary) {
    check_names(folder);
    if (is_shard() && options.again.all) {
      throw input_error(
          "--overwrite would lose what other shards found; take another run folder, or go without --shard");
    }
    const std::filesystem::path own = is_shard() ? shard_folder(folder, options.shard) : folder;
    const auto meanwhile = options.ranks ? sign_of_life(*options.ranks) : std::function<void()>();
    const std::unique_ptr<RunLock> lock =
        is_shard() ? std::make_unique<RunLock>(own, options.wait, callbacks().on_message, meanwhile)
                   : lock_whole(folder, options.wait, callbacks().on_message, meanwhile);
    if (!is_shard()) gather_shards(folder);
    // Processes that share a folder must agree: the first of them settles the parallelism.
    const auto settled = [&] { return settle(); };
    const Parallelism parallelism =
        is_shard() ? shared_parallelism(folder, options.device, settled, callbacks().on_message) : settle();
    set_threads(parallelism.n_threads);
    CellBatch batch{.what = set.what, .plan = set.plan(parallelism.n_threads)};
    Store store = open_run(own, batch.plan,
                           {.parallelism = parallelism,
                            .device = options.device,
                            .model = spec.model.folder,
                            .spec = spec.text,
                            .fingerprints = data.fingerprints,
                            .judge = spec.probe.judge,
                            .titles = variable_titles(spec, data.titles)},
                           options.again, callbacks().on_message);
    const std::vector<size_t> unfinished = unfinished_cells(store, batch.plan);
    batch.n_failed = add_earlier_failures(store, batch.plan, summary);
    schedule(store, batch, unfinished, parallelism);
    summary.n_cells = std::ssize(batch.plan);
    std::optional<Claims> claims;
    if (is_shard()) share(batch, claims, own);
    const std::unique_ptr<Workers> workers = workers_for(batch, parallelism);
    has_begun = true;
    compute_cells(store, batch, *workers, callbacks(), summary);
  }

  bool is_shard() const { return !options.shard.empty(); }
  const RunCallbacks& callbacks() const { return options.callbacks; }

  NewRows scratch_for(int n_jobs) const { return stream_rows(data, options.device, options.memory / n_jobs, folder); }

  std::unique_ptr<Workers> threads(const Parallelism& parallelism, const std::vector<PlannedCell>& plan) {
    const int n_jobs = parallelism.n_jobs;
    return thread_workers(parallelism, [this, &plan, n_jobs, scratch = scratch_for(n_jobs)](size_t worker) {
      const RunData& own = on_devices.of_worker(worker, n_jobs);
      const auto streams = std::make_shared<Streams>(own.model, scratch);
      return [this, &plan, &own, streams](size_t cell, const OnProgress& on_progress) {
        return set.compute(cell, plan[cell].id, own, *streams, on_progress);
      };
    });
  }

  std::unique_ptr<Workers> workers_for(const CellBatch& batch, const Parallelism& parallelism) {
    if (options.ranks != nullptr) {
      start_ranks(*options.ranks, {parallelism, hash_of(batch.plan), !batch.unfinished.empty()});
      return rank_workers(*options.ranks, parallelism.n_jobs, options.rank_timeout, callbacks().on_message);
    }
    const int n_needed = static_cast<int>(std::max<size_t>(1, batch.unfinished.size()));
    return threads({std::min(parallelism.n_jobs, n_needed), parallelism.n_threads}, batch.plan);
  }

  Parallelism settle() {
    return settle_parallelism(options.n_jobs, options.n_threads, recorded_parallelism(folder, options.device),
                              [&] { return measure(); });
  }

  /// Measures the parallelism. If measuring fails, chooses one cell at a time; an error of the
  /// cells themselves then shows when they are computed.
  Parallelism measure() {
    if (!options.device.is_cpu()) return gpu_parallelism(options.device, options.ranks != nullptr);
    try {
      MeasuredParallelism measured = measure_parallelism(spec, cells, data, callbacks().follow_time(), options.memory,
                                                         folder, callbacks().on_progress);
      estimate.emplace(std::move(measured.estimate));
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

  /// Sets the cells to compute, in order, and records their expected times.
  void schedule(Store& store, CellBatch& batch, const std::vector<size_t>& unfinished, const Parallelism& parallelism) {
    const bool is_wanted = callbacks().follow_time() || parallelism.n_jobs > 1 || options.ranks != nullptr;
    const bool is_possible = set.is_estimated && !unfinished.empty();
    if (!is_possible) estimate.reset();
    // Rank 0 of an MPI job has no GPU to measure.
    if (is_possible && is_wanted && !estimate && (options.ranks == nullptr || options.device.is_cpu())) {
      const NewRows scratch = scratch_for(parallelism.n_jobs);
      try {
        estimate.emplace(spec, cells, on_devices.of_worker(0, parallelism.n_jobs), scratch, callbacks().on_progress);
        if (callbacks().follow_time()) estimate->measure_costs(cells, scratch);
      } catch (const std::exception&) {
        stop_if_interrupted();  // Other errors show when the cells are computed.
      }
    }
    batch.unfinished = set.schedule(unfinished, estimate ? &*estimate : nullptr);
    if (!estimate) return;
    std::vector<std::pair<std::string, double>> expected;
    for (const ScheduledCell& cell : batch.unfinished) expected.emplace_back(batch.plan[cell.cell].id, cell.seconds);
    store.expect(expected);
  }

  /// Leaves out cells that the folder's record has, and makes the run claim each cell before it is
  /// begun.
  void share(CellBatch& batch, std::optional<Claims>& claims, const std::filesystem::path& own) {
    {
      // The lock keeps out writers, as SQLite lets other machines read only while nobody writes.
      const RunLock quiescence(folder, true, callbacks().on_message);
      const std::set<std::string> gathered = Store::open_existing(folder).finished();
      std::erase_if(batch.unfinished,
                    [&](const ScheduledCell& cell) { return gathered.contains(batch.plan[cell.cell].id); });
    }
    claims.emplace(folder, own, options.again.failed);
    batch.claim = [&](const std::string& id) { return claims->take(id); };
    batch.over = [&](const std::string& id, bool is_done) { claims->finish(id, is_done); };
  }
};

}  // namespace

RunSummary run_cells(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const CellSet& set,
                     const RunOptions& options, RunSummary summary) {
  const ThreadsKept threads_kept;
  // Rank 0 of an MPI job computes no cells, and needs no GPU.
  const bool computes = options.ranks == nullptr || is_other_rank(options);
  const at::Device device = computes ? options.device : at::Device(at::kCPU);
  CellRun run{spec, cells, data, set, options, summary.out, DeviceData(data, device)};
  if (is_other_rank(options)) {
    summary.is_reported_by_rank_zero = true;
    run.serve();
  } else {
    try {
      run.compute(summary);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInterrupted || run.has_begun) throw;
      throw Error(ErrorKind::kInterrupted,
                  fmt::format("stopped before a cell was begun; {} keeps what it had, and the same command goes on",
                              summary.out.string()));
    }
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
