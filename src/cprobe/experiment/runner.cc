#include "cprobe/experiment/runner.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <numeric>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/progress.h"
#include "cprobe/core/threads.h"

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

/// Numbers of the cells in the order of their components, in which the streams are computed once.
std::vector<size_t> by_component(const std::vector<Cell>& cells) {
  std::vector<size_t> order(cells.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](size_t i) { return cells[i].component; });
  return order;
}

}  // namespace

RunSummary run(const Spec& spec, const RunOptions& options) {
  const std::filesystem::path folder = options.out.empty() ? spec.out : options.out;
  if (folder.empty()) throw input_error("no run folder: pass --out FOLDER or write 'out' into the spec");
  const int n_threads = options.n_threads > 0 ? options.n_threads : available_threads();
  set_threads(n_threads);
  const RunData data = load_run_data(spec);
  const std::vector<Cell> cells = expand(spec, data.model.config);
  check_cells(cells, data);
  std::vector<std::string> ids;
  std::vector<std::pair<std::string, std::string>> plan;
  for (const Cell& cell : cells) {
    ids.push_back(cell_id(spec, cell, data.fingerprints, n_threads));
    plan.emplace_back(ids.back(), label_of(spec, cell));
  }
  check_names(folder);
  if (options.overwrite) remove_run(folder);
  Store store = Store::open(folder);
  check_folder(store, ids, folder, options.keep_finished);
  store.plan(plan);
  store.set_note("threads", std::to_string(n_threads));
  store.set_note("blas", blas_name());
  store.set_note("model", spec.model.string());
  store.set_note("version", CPROBE_VERSION);
  if (!spec.text.empty()) store.set_note("spec", spec.text);

  const std::vector<Store::Entry> entries = store.cells();
  RunSummary summary{.out = folder, .n_cells = static_cast<int64_t>(cells.size())};
  const int64_t n_left =
      std::ranges::count_if(entries, [](const Store::Entry& e) { return e.status != CellStatus::kDone; });
  Progress progress("circuits", n_left * std::max<int64_t>(spec.fit.epochs, 1), options.quiet);
  Streams streams(data.model);
  for (const size_t i : by_component(cells)) {
    if (entries[i].status == CellStatus::kDone) continue;
    const auto fail = [&](const std::string& error) {
      store.record_failure(ids[i], error);
      summary.failures.push_back(fmt::format("{}: {}", entries[i].label, error));
    };
    const auto start = std::chrono::steady_clock::now();
    try {
      const auto on_progress = [&](int64_t n_epochs, const std::string& note) {
        progress.advance(n_epochs, fmt::format("{} of {}: {}, {}", i + 1, cells.size(), entries[i].label, note));
      };
      const CellResult result = probe_cell(spec, cells[i], ids[i], data, streams, on_progress);
      const std::string file = circuit_file(cells[i], ids[i]);
      save_circuit(result.findings.circuit, folder / file);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      store.record(ids[i], spec, cells[i], result, file, seconds);
      ++summary.n_computed;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted) {
        store.export_tables();
        throw Error(ErrorKind::kInterrupted,
                    fmt::format("stopped: {} of {} cells are finished and kept in {}; the same command continues",
                                static_cast<int64_t>(cells.size()) - n_left + summary.n_computed, cells.size(),
                                folder.string()));
      }
      fail(error.what());
    } catch (const c10::Error& error) {
      fail(error.what_without_backtrace());  // libtorch's, out of memory among them
    } catch (const std::exception& error) {
      fail(error.what());
    }
  }
  store.export_tables();
  return summary;
}

}  // namespace cprobe
