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

constexpr const char* kFingerprints = "fingerprints";  // A note.

std::string fingerprints_text(const RunNotes& notes) {
  return fmt::format("{}", fmt::join(notes.fingerprints, " "));
}

std::set<std::string> methods_of(const std::vector<Store::PlannedCell>& plan) {
  std::set<std::string> methods;
  for (const Store::PlannedCell& cell : plan) methods.insert(cell.method);
  return methods;
}

/// Refuses cells of another model or other data. @param cells those of the store that are to stay.
void check_fingerprints(const Store& store, const std::vector<Store::Entry>& cells, const RunNotes& notes,
                        const std::filesystem::path& folder) {
  for (const auto& [key, value] : store.notes()) {
    if (cells.empty() || key != kFingerprints || value == fingerprints_text(notes)) continue;
    std::set<std::string> methods;
    for (const Store::Entry& cell : cells) methods.insert(cell.method);
    throw input_error(
        "{}: holds results of another model or of other data ({}); choose another folder or overwrite all of them "
        "(--overwrite)",
        folder.string(), fmt::join(methods, ", "));
  }
}

void remove_path(const std::filesystem::path& path) {
  std::error_code problem;
  std::filesystem::remove_all(path, problem);
  if (problem) throw failure("{}: cannot remove the earlier run: {}", path.string(), problem.message());
}

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
  for (const char* name : kExports) remove_path(folder / name);
  // The store goes last: until then the folder counts as a run.
  for (const char* suffix : {"-wal", "-shm", ""}) remove_path(folder / (std::string(kStore) + suffix));
}

void remove_cells(const std::filesystem::path& folder, const std::vector<Store::PlannedCell>& plan,
                  const RunNotes& notes) {
  if (!holds_run(folder)) return;
  const std::set<std::string> methods = methods_of(plan);
  bool others_stay = false;
  {
    Store store = Store::open(folder);
    std::vector<Store::Entry> others = store.cells();
    std::erase_if(others, [&](const Store::Entry& cell) { return methods.contains(cell.method); });
    check_fingerprints(store, others, notes, folder);
    others_stay = !others.empty();
    for (const std::string& method : methods) {
      for (const std::string& file : store.forget(method)) remove_path(folder / file);
    }
  }
  if (!others_stay) return remove_run(folder);
  // Tables of what was removed must not outlive it where this call is stopped early.
  for (const char* name : {"results.csv", "metrics.csv", "curves.csv"}) remove_path(folder / name);
}

void check_folder(const Store& store, const std::vector<Store::PlannedCell>& plan, const RunNotes& notes,
                  const std::filesystem::path& folder, bool keep_finished) {
  const std::vector<Store::Entry> cells = store.cells();
  check_fingerprints(store, cells, notes, folder);
  bool all_done = true;
  for (const std::string& method : methods_of(plan)) {
    std::vector<std::string> there, planned;
    for (const Store::Entry& entry : cells) {
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
        "{}: holds other cells of {} (another spec or number of threads); choose another folder or overwrite them "
        "(--overwrite)",
        folder.string(), method);
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
  check_folder(store, plan, notes, folder, keep_finished);
  store.plan(plan);
  store.set_note(kFingerprints, fingerprints_text(notes));
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
    throw Error(
        ErrorKind::kInterrupted,
        fmt::format(
            "stopped: {} of {} cells are finished and kept in {}; the same command, without --overwrite, continues",
            plan.size() - unfinished_cells(store, plan).size(), plan.size(), folder.string()));
  }
  store.export_tables();
}

}  // namespace cprobe
