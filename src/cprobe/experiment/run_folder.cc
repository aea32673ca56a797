#include "cprobe/experiment/run_folder.h"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/experiment/provenance.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace {

constexpr const char* kStore = "run.sqlite";
constexpr const char* kExports[] = {"results.csv", "metrics.csv", "curves.csv", "circuits"};

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

RunLock::RunLock(const std::filesystem::path& folder, bool wait) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  const std::filesystem::path path = folder / "run.lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw failure("{}: cannot be written: {}", path.string(), std::strerror(errno));
  for (bool told = false; ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0;) {
    const std::string holder = read_file(path);
    if (!wait) {
      ::close(descriptor_);
      throw input_error("{}: {} works on this run; wait for it (--wait), or choose another folder", folder.string(),
                        holder.empty() ? "another process" : holder);
    }
    if (!told) fmt::print(stderr, "{}: waiting for {}\n", folder.string(), holder.empty() ? "another process" : holder);
    told = true;
    try {
      stop_if_interrupted();
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const std::string holder = fmt::format("process {} on {}", ::getpid(), host_name());
  // Only for people: what counts is the lock.
  if (::ftruncate(descriptor_, 0) == 0) [[maybe_unused]]
    const ssize_t n = ::write(descriptor_, holder.data(), holder.size());
}

RunLock::~RunLock() {
  [[maybe_unused]] const int emptied = ::ftruncate(descriptor_, 0);
  ::close(descriptor_);
}

Store open_run(const std::filesystem::path& folder, const std::vector<Store::PlannedCell>& plan, const RunNotes& notes,
               bool overwrite) {
  Store store = Store::open(folder);
  if (overwrite) {
    for (const std::string& file : store.forget(plan)) remove_path(folder / file);
  }
  store.plan(plan, fmt::format("{}", fmt::join(notes.fingerprints, " ")));
  store.begin({.started = utc_now(),
               .command = command_line(),
               .version = versions(),
               .host = host_name(),
               .n_threads = notes.n_threads,
               .model = notes.model.string(),
               .spec = notes.spec});
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
