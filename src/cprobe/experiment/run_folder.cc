#include "cprobe/experiment/run_folder.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/threads.h"

namespace cprobe {
namespace {

constexpr const char* kStore = "run.sqlite";
constexpr const char* kExports[] = {"results.csv", "metrics.csv", "curves.csv", "circuits"};

}  // namespace

std::filesystem::path run_folder(const Spec& spec, const std::filesystem::path& out) {
  std::filesystem::path folder = out.empty() ? spec.out : out;
  if (folder.empty()) throw input_error("no run folder: pass --out FOLDER or write 'out' into the spec");
  return folder;
}

bool holds_run(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kStore);
}

void check_names(const std::filesystem::path& folder) {
  if (holds_run(folder)) return;
  for (const char* name : kExports) {
    if (!std::filesystem::exists(folder / name)) continue;
    throw input_error("{}: is not from a run of cprobe, and would be replaced; choose another folder or move it away",
                      (folder / name).string());
  }
}

void remove_run(const std::filesystem::path& folder) {
  // The store goes last: until then the folder counts as a run.
  std::vector<std::filesystem::path> paths(std::begin(kExports), std::end(kExports));
  for (const char* suffix : {"-wal", "-shm", ""}) paths.emplace_back(std::string(kStore) + suffix);
  for (const std::filesystem::path& name : paths) {
    std::error_code problem;
    std::filesystem::remove_all(folder / name, problem);
    if (problem) throw failure("{}: cannot remove the earlier run: {}", (folder / name).string(), problem.message());
  }
}

void check_folder(const Store& store, const std::vector<Store::PlannedCell>& plan, const std::filesystem::path& folder,
                  bool keep_finished) {
  std::set<std::string> methods;
  for (const Store::PlannedCell& cell : plan) methods.insert(cell.method);
  bool all_done = true;
  for (const std::string& method : methods) {
    std::vector<std::string> there, planned;
    for (const Store::Entry& entry : store.cells()) {
      if (entry.method != method) continue;
      there.push_back(entry.id);
      all_done = all_done && entry.status == CellStatus::kDone;
    }
    for (const Store::PlannedCell& cell : plan) {
      if (cell.method == method) planned.push_back(cell.id);
    }
    all_done = all_done && !there.empty();
    if (there.empty() || there == planned) continue;
    throw input_error(
        "{}: holds a run of other cells (another spec, model, data or number of threads); choose another folder or "
        "overwrite it (--overwrite)",
        folder.string());
  }
  if (all_done && !keep_finished) {
    throw input_error("{}: this run is finished; its tables are there. To compute it again, overwrite it (--overwrite)",
                      folder.string());
  }
}

Store open_run(const std::filesystem::path& folder, const std::vector<Store::PlannedCell>& plan, const RunNotes& notes,
               bool keep_finished) {
  check_names(folder);
  Store store = Store::open(folder);
  check_folder(store, plan, folder, keep_finished);
  store.plan(plan);
  store.set_note("threads", std::to_string(notes.n_threads));
  store.set_note("blas", blas_name());
  store.set_note("model", notes.model.string());
  store.set_note("version", CPROBE_VERSION);
  if (!notes.spec.empty()) store.set_note("spec", notes.spec);
  return store;
}

std::string compute_and_record(Store& store, const std::string& id, const std::function<Store::Finished()>& compute) {
  const auto start = std::chrono::steady_clock::now();
  std::string problem;
  try {
    Store::Finished finished = compute();
    finished.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    store.record(id, finished);
    return {};
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInterrupted) throw;
    problem = error.what();
  } catch (const c10::Error& error) {
    problem = error.what_without_backtrace();  // libtorch's, out of memory among them
  } catch (const std::exception& error) {
    problem = error.what();
  }
  store.record_failure(id, problem);
  return problem;
}

std::vector<size_t> unfinished_cells(const Store& store, const std::vector<Store::PlannedCell>& plan) {
  std::set<std::string> done;
  for (const Store::Entry& entry : store.cells()) {
    if (entry.status == CellStatus::kDone) done.insert(entry.id);
  }
  std::vector<size_t> unfinished;
  for (size_t i = 0; i < plan.size(); ++i) {
    if (!done.contains(plan[i].id)) unfinished.push_back(i);
  }
  return unfinished;
}

void RunSummary::add(const std::string& label, const std::string& problem) {
  if (problem.empty()) {
    ++n_computed;
  } else {
    failures.push_back(fmt::format("{}: {}", label, problem));
  }
}

void finish_run(const Store& store, const std::vector<Store::PlannedCell>& plan, const std::filesystem::path& folder,
                const std::function<void()>& compute_cells) {
  try {
    compute_cells();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInterrupted) throw;
    store.export_tables();
    throw Error(ErrorKind::kInterrupted,
                fmt::format("stopped: {} of {} cells are finished and kept in {}; the same command continues",
                            plan.size() - unfinished_cells(store, plan).size(), plan.size(), folder.string()));
  }
  store.export_tables();
}

}  // namespace cprobe
