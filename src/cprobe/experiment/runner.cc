#include "cprobe/experiment/runner.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <optional>

#include "cprobe/core/error.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/threads.h"
#include "cprobe/experiment/probe_cell.h"
#include "cprobe/experiment/run_folder.h"

namespace cprobe {
namespace {

std::string circuit_file(const Cell& cell, const std::string& id) {
  std::string variable = cell.variable;
  for (char& c : variable) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') c = '_';
  }
  return fmt::format("circuits/{}.{}.{}.safetensors", variable, to_string(cell.component), id);
}

/// "var_0 L0.attn seed 0", and every other grid dimension that has several values.
std::string label_of(const Spec& spec, const Cell& cell) {
  std::string label = fmt::format("{} {} seed {}", cell.variable, to_string(cell.component), cell.seed);
  if (spec.positions.size() > 1) label += fmt::format(" position {}", cell.position);
  if (spec.learning_rates.size() > 1) label += fmt::format(" learning rate {}", cell.learning_rate);
  if (spec.batch_sizes.size() > 1) label += fmt::format(" batch size {}", cell.batch_size);
  if (spec.mask_options.size() > 1) label += fmt::format(" {} {}", mask_option(spec.method).key, cell.mask_option);
  return label;
}

/// Complains about cells that cannot be computed before anything is written.
void check_cells(const std::vector<Cell>& cells, const RunData& data) {
  for (const Cell& cell : cells) {
    check_labels(cell, data);
    require_decodable(data.train.labelled(cell.variable, cell.position).labels,
                      fmt::format("{}: variable '{}'", data.train.source, cell.variable));
    const int64_t n_rows = data.train.trie.n_rows();
    if (n_rows < cell.batch_size) {
      throw input_error("{}: batch_size is {}, but there are only {} rows to train on", data.train.source,
                        cell.batch_size, n_rows);
    }
  }
}

/// What a run works on, checked.
struct Prepared {
  RunData data;
  std::vector<Cell> cells;
  int n_threads = 0;
};

Prepared prepare(const Spec& spec, const RunOptions& options) {
  Prepared prepared{.n_threads = options.n_threads > 0 ? options.n_threads : available_threads()};
  set_threads(prepared.n_threads);
  prepared.data = load_run_data(spec);
  prepared.cells = expand(spec, prepared.data.model.config);
  check_cells(prepared.cells, prepared.data);
  return prepared;
}

/// The cells with their identities, in order.
std::vector<Store::PlannedCell> plan_of(const Spec& spec, const Prepared& prepared) {
  std::vector<Store::PlannedCell> plan;
  for (const Cell& cell : prepared.cells) {
    plan.push_back(
        {cell_id(spec, cell, prepared.data.fingerprints, prepared.n_threads), method_name(spec), label_of(spec, cell)});
  }
  return plan;
}

/// A cell to compute, and what it is expected to take.
struct Job {
  size_t cell = 0;  ///< Its number in the grid.
  CellTime time;
};

/// Cells in the order of their components, in which each residual stream is taken from one to the next.
/// @param cells numbers in the grid.
/// @param estimate none: nothing is expected.
std::vector<Job> schedule(const Prepared& prepared, const std::optional<Estimate>& estimate,
                          std::vector<size_t> cells) {
  std::ranges::stable_sort(cells, {}, [&](size_t i) { return prepared.cells[i].component; });
  std::vector<Job> jobs;
  const Cell* before = nullptr;
  for (const size_t i : cells) {
    jobs.push_back({i, estimate ? estimate->of(prepared.cells[i], before) : CellTime()});
    before = &prepared.cells[i];
  }
  return jobs;
}

double total_seconds(const std::vector<Job>& jobs) {
  return std::accumulate(jobs.begin(), jobs.end(), 0.0,
                         [](double sum, const Job& job) { return sum + job.time.total(); });
}

/// What is left of a run. Where it cannot be measured, nothing is expected of it: what is wrong with a cell, or a request
/// to stop, is told when the cell is computed.
/// @param unfinished numbers in the grid.
std::vector<Job> jobs_of(const Spec& spec, const Prepared& prepared, const std::vector<size_t>& unfinished,
                         const NewRows& new_rows, bool quiet) {
  std::optional<Estimate> estimate;
  if (!quiet && !unfinished.empty()) {
    try {
      std::vector<Cell> cells;
      cells.reserve(unfinished.size());
      for (const size_t i : unfinished) cells.push_back(prepared.cells[i]);
      estimate.emplace(spec, cells, prepared.data, new_rows, quiet);
    } catch (const std::exception&) {
    }
  }
  return schedule(prepared, estimate, unfinished);
}

/// The bar of a run. It moves by the time that each piece of work was expected to take.
class RunProgress {
 public:
  RunProgress(const std::vector<Job>& jobs, bool quiet)
      : bar_("circuits", milliseconds(total_seconds(jobs)), quiet, Progress::Steps::kShares) {}

  void advance(const CellTime& cell, Piece piece, const std::string& note) {
    const double taken = piece == Piece::kEpoch ? cell.epoch : piece == Piece::kAblation ? cell.ablation : 0;
    within_ = std::min(within_ + taken, cell.total());
    bar_.reach(milliseconds(finished_ + within_), note);
  }

  void finish(const CellTime& cell) {
    finished_ += cell.total();
    within_ = 0;
    bar_.reach(milliseconds(finished_));
  }

 private:
  static int64_t milliseconds(double seconds) { return std::llround(seconds * 1e3); }

  Progress bar_;
  double finished_ = 0;  ///< Seconds of the cells that are finished.
  double within_ = 0;    ///< Of the one that is computed.
};

}  // namespace

void check_run(const Spec& spec, const RunOptions& options) {
  prepare(spec, options);
  check_names(run_folder(spec, options.out));
}

RunPlan plan_run(const Spec& spec, const RunOptions& options) {
  const Prepared prepared = prepare(spec, options);
  const NewRows new_rows = stream_rows(prepared.data, options.memory, std::filesystem::temp_directory_path());
  const std::optional<Estimate> estimate(std::in_place, spec, prepared.cells, prepared.data, new_rows, options.quiet);
  std::vector<size_t> all(prepared.cells.size());
  std::iota(all.begin(), all.end(), 0);
  const std::vector<Job> jobs = schedule(prepared, estimate, all);
  RunPlan plan{.n_threads = prepared.n_threads,
               .seconds = total_seconds(jobs),
               .weights_memory = estimate->weights_memory(),
               .streams_memory = streams_memory(prepared.data),
               .streams_on_disk = streams_memory(prepared.data) > options.memory,
               .peak_memory = estimate->peak_memory()};
  plan.cells.resize(jobs.size());
  for (const Job& job : jobs) plan.cells[job.cell] = {label_of(spec, prepared.cells[job.cell]), job.time};
  return plan;
}

RunSummary run(const Spec& spec, const RunOptions& options) {
  const std::filesystem::path folder = run_folder(spec, options.out);
  const Prepared prepared = prepare(spec, options);
  const RunData& data = prepared.data;
  const std::vector<Store::PlannedCell> plan = plan_of(spec, prepared);
  check_names(folder);
  const RunLock lock(folder, options.wait);
  const RunNotes notes{prepared.n_threads, spec.model, spec.text, data.fingerprints};
  Store store = open_run(folder, plan, notes, options.overwrite);

  RunSummary summary{.out = folder, .n_cells = static_cast<int64_t>(plan.size())};
  const NewRows new_rows = stream_rows(data, options.memory, folder);
  const std::vector<Job> jobs = jobs_of(spec, prepared, unfinished_cells(store, plan), new_rows, options.quiet);
  RunProgress progress(jobs, options.quiet);
  Streams streams(data.model, new_rows);
  const auto compute_cells = [&] {
    for (const Job& job : jobs) {
      const Cell& cell = prepared.cells[job.cell];
      const Store::PlannedCell& planned = plan[job.cell];
      const auto on_progress = [&](Piece piece, const std::string& note) {
        progress.advance(job.time, piece,
                         fmt::format("{} of {}: {}, {}", job.cell + 1, plan.size(), planned.label, note));
      };
      const auto compute = [&] {
        CellResult result = probe_cell(spec, cell, planned.id, data, streams, on_progress);
        const std::string file = circuit_file(cell, planned.id);
        save_circuit(result.findings.circuit, folder / file);
        return Store::Finished{.variable = cell.variable,
                               .site = to_string(cell.component),
                               .position = cell.position,
                               .seed = cell.seed,
                               .metrics = metrics(result.findings),
                               .row = result_row(spec, cell, planned.id, result.findings),
                               .curve = std::move(result.curve),
                               .circuit_file = file};
      };
      summary.add(planned.label, compute_and_record(store, planned.id, compute));
      progress.finish(job.time);
    }
  };
  finish_run(store, plan, folder, compute_cells);
  return summary;
}

}  // namespace cprobe
