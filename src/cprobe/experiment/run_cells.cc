#include "cprobe/experiment/run_cells.h"

#include <algorithm>
#include <map>

#include "cprobe/core/error.h"
#include "cprobe/core/threads.h"
#include "cprobe/experiment/parallelism.h"
#include "cprobe/experiment/rank_workers.h"
#include "cprobe/experiment/shards.h"

namespace cprobe {
namespace {

bool is_other_rank(const RunOptions& options) {
  return options.ranks != nullptr && options.ranks->rank() > 0;
}

/// Where it cannot be measured, nothing is expected: what is wrong with a cell, or a request to stop, is told when the
/// cell is computed.
std::optional<Estimate> estimate_of(const Spec& spec, const std::vector<Cell>& cells, const RunData& data,
                                    const NewRows& scratch, bool quiet) {
  try {
    return Estimate(spec, cells, data, scratch, quiet);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// Cells that failed in an earlier call and are left so.
void add_earlier_failures(const Store& store, const std::vector<Store::PlannedCell>& plan, RunSummary& summary) {
  std::map<std::string, std::string> errors;
  for (const Store::Entry& cell : store.cells()) {
    if (cell.status == CellStatus::kFailed) errors[cell.id] = cell.error;
  }
  for (const Store::PlannedCell& cell : plan) {
    if (errors.contains(cell.id)) summary.add(cell.label, errors.at(cell.id));
  }
}

}  // namespace

RunSummary run_cells(const Spec& spec, const std::vector<Cell>& cells, const RunData& data, const CellSet& set,
                     const RunOptions& options, RunSummary summary) {
  const ThreadsKept threads_kept;
  const std::filesystem::path folder = summary.out;
  const auto scratch_for = [&](int n_jobs) { return stream_rows(data, options.memory / n_jobs, folder); };
  const auto threads = [&](const Parallelism& parallelism, const std::vector<Store::PlannedCell>& plan) {
    return thread_workers(parallelism, [&set, &plan, scratch = scratch_for(parallelism.n_jobs)] {
      return set.make_compute(plan, scratch);
    });
  };
  if (is_other_rank(options)) {
    summary.is_told_elsewhere = true;
    const RankStart start = wait_for_start(*options.ranks);
    if (!start.has_work) return summary;
    set_threads(start.parallelism.n_threads);
    const std::vector<Store::PlannedCell> plan = set.plan(start.parallelism.n_threads);
    serve(*options.ranks, *threads(start.parallelism, plan), options.rank_timeout);
    return summary;
  }

  if (!options.shard.empty() && options.again.all) {
    throw input_error("--overwrite would lose what other shards found; take another run folder, or go without --shard");
  }
  check_names(folder);
  const std::filesystem::path own = options.shard.empty() ? folder : shard_folder(folder, options.shard);
  const RunLock lock(own, options.wait);
  const bool quiet = options.following == Following::kQuiet;
  std::optional<Estimate> estimate;
  const auto measure = [&]() -> Parallelism {
    try {
      MeasuredParallelism measured = measure_parallelism(spec, cells, data, options.memory, folder, quiet);
      estimate.emplace(std::move(measured.estimate));
      return measured.parallelism;
    } catch (const std::exception&) {
      return {1, available_threads()};  // as estimate_of: the cells will tell
    }
  };
  const auto settle = [&] {
    return settle_parallelism(options.n_jobs, options.n_threads, recorded_parallelism(folder), measure);
  };
  // Tasks that share a folder must agree: the first to come settles it.
  const Parallelism parallelism = options.shard.empty() ? settle() : shared_parallelism(folder, settle);
  set_threads(parallelism.n_threads);
  const std::vector<Store::PlannedCell> plan = set.plan(parallelism.n_threads);
  const RunNotes notes{parallelism, spec.model, spec.text, data.fingerprints};
  Store store = open_run(own, plan, notes, options.again);
  CellBatch batch{.what = set.what, .plan = plan};
  std::vector<size_t> unfinished = unfinished_cells(store, plan);
  if (!options.shard.empty()) {
    // Nobody writes meanwhile: SQLite lets others read only on the same machine.
    const RunLock quiescence(folder, true);
    const std::set<std::string> gathered = Store::open_existing(folder).finished();
    std::erase_if(unfinished, [&](size_t cell) { return gathered.contains(plan[cell].id); });
  }
  add_earlier_failures(store, plan, summary);
  summary.n_cells = std::ssize(plan);
  const bool is_measured = !unfinished.empty() && (!quiet || parallelism.n_jobs > 1 || options.ranks != nullptr);
  if (is_measured && !estimate) {
    estimate = estimate_of(spec, cells, data, scratch_for(parallelism.n_jobs), quiet);
  }
  batch.unfinished = set.schedule(unfinished, estimate ? &*estimate : nullptr);
  if (estimate) {
    std::vector<std::pair<std::string, double>> expected;
    for (const ScheduledCell& cell : batch.unfinished) expected.emplace_back(plan[cell.cell].id, cell.seconds);
    store.expect(expected);
  }
  std::optional<Claims> claims;
  if (!options.shard.empty()) {
    claims.emplace(folder, options.again.failed);
    batch.claim = [&](const std::string& id) { return claims->take(id); };
    batch.over = [&](const std::string& id, bool is_done) { claims->finish(id, is_done); };
  }
  std::unique_ptr<Workers> workers;
  if (options.ranks != nullptr) {
    start_ranks(*options.ranks, {parallelism, !unfinished.empty()});
    workers = rank_workers(*options.ranks, parallelism.n_jobs, options.rank_timeout);
  } else {
    const int n_needed = static_cast<int>(std::max<size_t>(1, unfinished.size()));
    workers = threads({std::min(parallelism.n_jobs, n_needed), parallelism.n_threads}, plan);
  }
  compute_cells(store, batch, *workers, options.following, summary);
  return summary;
}

RunSummary of_rank(const RunOptions& options, const std::function<RunSummary()>& run) {
  try {
    return run();
  } catch (const Error& error) {
    if (!is_other_rank(options)) {
      if (options.ranks != nullptr) start_ranks(*options.ranks, {.has_work = false});
      throw;
    }
    if (error.kind() != ErrorKind::kInterrupted) report_unfit(*options.ranks, error.what());
    return {.is_told_elsewhere = true};
  }
}

}  // namespace cprobe
