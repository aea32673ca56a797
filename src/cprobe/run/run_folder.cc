#include "cprobe/run/run_folder.h"

#include "cprobe/core/device.h"
#include "cprobe/core/error.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/record/provenance.h"
#include "cprobe/record/store_schema.h"
#include "cprobe/run/run_lock.h"

namespace cprobe {
namespace {

constexpr const char* kCircuits = "circuits";
constexpr const char* kExports[] = {"results.csv", "metrics.csv", "curves.csv", "path.csv", kCircuits};

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
  return std::filesystem::exists(folder / kStoreName);
}

void check_names(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder) && !std::filesystem::is_directory(folder)) {
    throw input_error("{}: is a file; a run needs a folder", folder.string());
  }
  if (holds_run(folder)) return;
  if (std::filesystem::exists(folder / "config.json")) {
    throw input_error("{}: holds a model, which a run would hide; choose another folder", folder.string());
  }
  for (const char* name : kExports) {
    if (!std::filesystem::exists(folder / name)) continue;
    throw input_error("{}: is not from a run of cprobe, and would be replaced; choose another folder or move it away",
                      (folder / name).string());
  }
}

Store open_to_read(const std::filesystem::path& folder) {
  if (RunLock::is_held_elsewhere(folder)) {
    throw input_error(
        "{}: a process of another machine works on it; ask there (SQLite's log is read on one machine only)",
        folder.string());
  }
  return Store::open_existing(folder);
}

Invocation this_call(const RunNotes& notes) {
  return {.started = utc_now(),
          .command = command_line(),
          .version = versions(),
          .host = host_name(),
          .n_jobs = notes.parallelism.n_jobs,
          .n_threads = notes.parallelism.n_threads,
          .device = device_kind(notes.device),
          .model = notes.model.string(),
          .spec = notes.spec};
}

Store open_run(const std::filesystem::path& folder, const std::vector<PlannedCell>& plan, const RunNotes& notes,
               const Again& again, const OnMessage& on_message) {
  for (const std::filesystem::path& place : {folder, folder / kCircuits}) remove_leftovers(place);
  Store store = Store::open(folder, on_message);
  store.verify();
  store.plan(plan, fmt::format("{}", fmt::join(notes.fingerprints, " ")), notes.judge, notes.titles);
  store.begin(this_call(notes));
  std::vector<PlannedCell> forgotten = plan;
  if (!again.all) {
    std::set<std::string> failed;
    for (const CellEntry& cell : store.cells()) {
      if (cell.status == CellStatus::kFailed && again.failed) failed.insert(cell.id);
    }
    std::erase_if(forgotten, [&](const PlannedCell& cell) { return !failed.contains(cell.id); });
  }
  for (const std::string& file : store.forget(forgotten)) remove_path(folder / file);
  return store;
}

std::set<std::string> cells_over(const Store& store, bool retry_failed) {
  std::set<std::string> over = store.finished();
  for (const CellEntry& cell : store.cells()) {
    if (cell.status == CellStatus::kFailed && !retry_failed) over.insert(cell.id);
  }
  return over;
}

std::vector<size_t> unfinished_cells(const Store& store, const std::vector<PlannedCell>& plan) {
  const std::set<std::string> over = cells_over(store);
  std::vector<size_t> unfinished;
  for (size_t i = 0; i < plan.size(); ++i) {
    if (!over.contains(plan[i].id)) unfinished.push_back(i);
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

}  // namespace cprobe
