#include "cprobe/experiment/runner.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/threads.h"
#include "cprobe/io/scratch.h"

namespace cprobe {
namespace {

/// "var_0 L0.attn seed 0", and every other grid dimension that has several values.
std::string label_of(const Spec& spec, const Cell& cell) {
  std::string label = fmt::format("{} {} seed {}", cell.variable, to_string(cell.component), cell.seed);
  if (spec.positions.size() > 1) label += fmt::format(" position {}", cell.position);
  if (spec.learning_rates.size() > 1) label += fmt::format(" learning rate {}", cell.learning_rate);
  if (spec.batch_sizes.size() > 1) label += fmt::format(" batch size {}", cell.batch_size);
  if (spec.mask_inits.size() > 1) label += fmt::format(" mask init {}", cell.mask_init);
  return label;
}

std::string circuit_file(const Cell& cell, const std::string& id) {
  std::string variable = cell.variable;
  for (char& c : variable) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') c = '_';
  }
  return fmt::format("circuits/{}.{}.{}.safetensors", variable, to_string(cell.component), id);
}

/// Complains about cells that cannot be computed before anything is written.
void check_cells(const std::vector<Cell>& cells, const RunData& data) {
  const auto check_length = [&](const Dataset& set) {
    if (set.trie.max_length() > data.model.config.n_positions) {
      throw input_error("{}: has a row of {} tokens, but the model's context is {}", set.source, set.trie.max_length(),
                        data.model.config.n_positions);
    }
  };
  check_length(data.train);
  check_length(data.test);
  for (const auto& [label, set] : data.behaviour) check_length(set);
  for (const Cell& cell : cells) {
    const LabelledTokens train = data.train.labelled(cell.variable, cell.position);
    data.test.labelled(cell.variable, cell.position);
    require_decodable(train.labels, fmt::format("{}: variable '{}'", data.train.source, cell.variable));
    if (train.n_labelled() < cell.batch_size) {
      throw input_error("{}: batch_size is {}, but there are only {} rows to train on", data.train.source,
                        cell.batch_size, train.n_labelled());
    }
  }
}

constexpr const char* kStore = "run.sqlite";
constexpr const char* kExports[] = {"results.csv", "metrics.csv", "curves.csv", "circuits"};

/// Refuses a folder in which the names that a run uses are taken by something else, such as results of the reference.
void check_names(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / kStore)) return;
  for (const char* name : kExports) {
    if (!std::filesystem::exists(folder / name)) continue;
    throw input_error("{}: is not from a run of cprobe, and would be replaced; choose another folder or move it away",
                      (folder / name).string());
  }
}

/// The store goes last: until then the folder counts as a run.
void remove_run(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths(std::begin(kExports), std::end(kExports));
  for (const char* suffix : {"-wal", "-shm", ""}) paths.emplace_back(std::string(kStore) + suffix);
  for (const std::filesystem::path& name : paths) {
    std::error_code problem;
    std::filesystem::remove_all(folder / name, problem);
    if (problem) throw failure("{}: cannot remove the earlier run: {}", (folder / name).string(), problem.message());
  }
}

/// Refuses a folder that holds another run or, unless it may be kept, this one finished.
void check_folder(const Store& store, const std::vector<std::string>& ids, const std::filesystem::path& folder,
                  bool keep_finished) {
  const std::vector<Store::Entry> there = store.cells();
  if (there.empty()) return;
  const bool same = std::ranges::equal(there, ids, {}, &Store::Entry::id);
  if (!same) {
    throw input_error(
        "{}: holds a run of other cells (another spec, model, data or number of threads); choose another folder or "
        "overwrite it (--overwrite)",
        folder.string());
  }
  if (!keep_finished &&
      std::ranges::all_of(there, [](const Store::Entry& e) { return e.status == CellStatus::kDone; })) {
    throw input_error("{}: this run is finished; its tables are there. To compute it again, overwrite it (--overwrite)",
                      folder.string());
  }
}

std::filesystem::path folder_of(const Spec& spec, const RunOptions& options) {
  std::filesystem::path folder = options.out.empty() ? spec.out : options.out;
  if (folder.empty()) throw input_error("no run folder: pass --out FOLDER or write 'out' into the spec");
  return folder;
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

/// The identities of the cells, in order.
std::vector<std::string> ids_of(const Spec& spec, const Prepared& prepared) {
  std::vector<std::string> ids;
  for (const Cell& cell : prepared.cells) {
    ids.push_back(cell_id(spec, cell, prepared.data.fingerprints, prepared.n_threads));
  }
  return ids;
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

bool streams_fit(const RunData& data, const RunOptions& options) {
  return streams_memory(data) <= options.memory;
}

/// Where a run keeps its streams.
NewRows stream_rows(const RunData& data, const RunOptions& options, const std::filesystem::path& folder) {
  if (streams_fit(data, options)) return rows_in_memory;
  return [folder](int64_t n_rows, int64_t d_model) { return scratch_array(folder, n_rows, d_model); };
}

/// What is left of a run. Where it cannot be measured, nothing is expected of it: what is wrong with a cell, or a request
/// to stop, is told when the cell is computed.
std::vector<Job> unfinished_jobs(const Spec& spec, const Prepared& prepared, const std::vector<Store::Entry>& entries,
                                 const NewRows& new_rows, bool quiet) {
  std::vector<size_t> unfinished;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].status != CellStatus::kDone) unfinished.push_back(i);
  }
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

/// The record of a run, with its plan and what is noted about it.
Store open_store(const Spec& spec, const Prepared& prepared, const std::vector<std::string>& ids,
                 const std::filesystem::path& folder, const RunOptions& options) {
  check_names(folder);
  if (options.overwrite) remove_run(folder);
  Store store = Store::open(folder);
  check_folder(store, ids, folder, options.keep_finished);
  std::vector<std::pair<std::string, std::string>> plan;
  for (size_t i = 0; i < ids.size(); ++i) plan.emplace_back(ids[i], label_of(spec, prepared.cells[i]));
  store.plan(plan);
  store.set_note("threads", std::to_string(prepared.n_threads));
  store.set_note("blas", blas_name());
  store.set_note("model", spec.model.string());
  store.set_note("version", CPROBE_VERSION);
  if (!spec.text.empty()) store.set_note("spec", spec.text);
  return store;
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
  const std::filesystem::path folder = folder_of(spec, options);
  const Prepared prepared = prepare(spec, options);
  check_names(folder);
  if (options.overwrite || !std::filesystem::exists(folder / kStore)) return;
  check_folder(Store::open_existing(folder), ids_of(spec, prepared), folder, options.keep_finished);
}

RunPlan plan_run(const Spec& spec, const RunOptions& options) {
  const Prepared prepared = prepare(spec, options);
  const NewRows new_rows = stream_rows(prepared.data, options, std::filesystem::temp_directory_path());
  const std::optional<Estimate> estimate(std::in_place, spec, prepared.cells, prepared.data, new_rows, options.quiet);
  std::vector<size_t> all(prepared.cells.size());
  std::iota(all.begin(), all.end(), 0);
  const std::vector<Job> jobs = schedule(prepared, estimate, all);
  RunPlan plan{.n_threads = prepared.n_threads,
               .seconds = total_seconds(jobs),
               .weights_memory = estimate->weights_memory(),
               .streams_memory = streams_memory(prepared.data),
               .streams_on_disk = !streams_fit(prepared.data, options),
               .peak_memory = estimate->peak_memory()};
  plan.cells.resize(jobs.size());
  for (const Job& job : jobs) plan.cells[job.cell] = {label_of(spec, prepared.cells[job.cell]), job.time};
  return plan;
}

RunSummary run(const Spec& spec, const RunOptions& options) {
  const std::filesystem::path folder = folder_of(spec, options);
  const Prepared prepared = prepare(spec, options);
  const RunData& data = prepared.data;
  const std::vector<Cell>& cells = prepared.cells;
  const std::vector<std::string> ids = ids_of(spec, prepared);
  Store store = open_store(spec, prepared, ids, folder, options);

  const std::vector<Store::Entry> entries = store.cells();
  RunSummary summary{.out = folder, .n_cells = static_cast<int64_t>(cells.size())};
  const NewRows new_rows = stream_rows(data, options, folder);
  const std::vector<Job> jobs = unfinished_jobs(spec, prepared, entries, new_rows, options.quiet);
  RunProgress progress(jobs, options.quiet);
  Streams streams(data.model, new_rows);
  for (const Job& job : jobs) {
    const Cell& cell = cells[job.cell];
    const std::string& id = ids[job.cell];
    const std::string& label = entries[job.cell].label;
    const auto fail = [&](const std::string& error) {
      store.record_failure(id, error);
      summary.failures.push_back(fmt::format("{}: {}", label, error));
    };
    const auto start = std::chrono::steady_clock::now();
    try {
      const auto on_progress = [&](Piece piece, const std::string& note) {
        progress.advance(job.time, piece, fmt::format("{} of {}: {}, {}", job.cell + 1, cells.size(), label, note));
      };
      const CellResult result = probe_cell(spec, cell, id, data, streams, on_progress);
      const std::string file = circuit_file(cell, id);
      save_circuit(result.findings.circuit, folder / file);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      store.record(id, spec, cell, result, file, seconds);
      ++summary.n_computed;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) {
        store.export_tables();
        throw Error(ErrorKind::kInterrupted,
                    fmt::format("stopped: {} of {} cells are finished and kept in {}; the same command continues",
                                cells.size() - jobs.size() + static_cast<size_t>(summary.n_computed), cells.size(),
                                folder.string()));
      }
      fail(error.what());
    } catch (const c10::Error& error) {
      fail(error.what_without_backtrace());  // libtorch's, out of memory among them
    } catch (const std::exception& error) {
      fail(error.what());
    }
    progress.finish(job.time);
  }
  store.export_tables();
  return summary;
}

}  // namespace cprobe
