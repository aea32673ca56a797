#include "cprobe/experiment/run_folder.h"

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
#include "cprobe/experiment/store_schema.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace {

constexpr const char* kCircuits = "circuits";
constexpr const char* kExports[] = {"results.csv", "metrics.csv", "curves.csv", kCircuits};

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
  if (holds_run(folder)) return;
  for (const char* name : kExports) {
    if (!std::filesystem::exists(folder / name)) continue;
    throw input_error("{}: is not from a run of cprobe, and would be replaced; choose another folder or move it away",
                      (folder / name).string());
  }
}

bool lock_now(int descriptor, const std::filesystem::path& path) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno == EINTR) continue;
    throw failure("{}: cannot be locked: {}; the file system must know flock (docs/cluster.md)", path.string(),
                  std::strerror(errno));
  }
  return true;
}

RunLock::RunLock(const std::filesystem::path& folder, bool wait) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  const std::filesystem::path path = folder / kLockName;
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw failure("{}: cannot be written: {}", path.string(), std::strerror(errno));
  try {
    for (bool told = false; !lock_now(descriptor_, path);) {
      const std::string text = read_file(path);
      const std::string holder = text.empty() ? "another process" : text;
      if (!wait) {
        throw input_error("{}: {} works on this run; wait for it (--wait), or choose another folder", folder.string(),
                          holder);
      }
      if (!told) fmt::print(stderr, "{}: waiting for {}\n", folder.string(), holder);
      told = true;
      stop_if_interrupted();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
  const std::string holder = fmt::format("process {} on {}", ::getpid(), host_name());
  // For people, and is_held_elsewhere: what counts is the lock.
  if (::ftruncate(descriptor_, 0) == 0) [[maybe_unused]]
    const ssize_t n = ::write(descriptor_, holder.data(), holder.size());
}

RunLock::~RunLock() {
  [[maybe_unused]] const int emptied = ::ftruncate(descriptor_, 0);
  ::close(descriptor_);
}

bool RunLock::is_held(const std::filesystem::path& folder) {
  const int descriptor = ::open((folder / kLockName).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return held;
}

bool RunLock::is_held_elsewhere(const std::filesystem::path& folder) {
  return is_held(folder) && !read_file(folder / kLockName).ends_with(" on " + host_name());
}

Store::Invocation this_call(const RunNotes& notes) {
  return {.started = utc_now(),
          .command = command_line(),
          .version = versions(),
          .host = host_name(),
          .n_jobs = notes.parallelism.n_jobs,
          .n_threads = notes.parallelism.n_threads,
          .model = notes.model.string(),
          .spec = notes.spec};
}

Store open_run(const std::filesystem::path& folder, const std::vector<Store::PlannedCell>& plan, const RunNotes& notes,
               const Again& again) {
  for (const std::filesystem::path& place : {folder, folder / kCircuits}) remove_leftovers(place);
  Store store = Store::open(folder);
  store.verify();
  store.plan(plan, fmt::format("{}", fmt::join(notes.fingerprints, " ")));
  store.begin(this_call(notes));
  std::vector<Store::PlannedCell> forgotten = plan;
  if (!again.all) {
    std::set<std::string> failed;
    for (const Store::Entry& cell : store.cells()) {
      if (cell.status == CellStatus::kFailed && again.failed) failed.insert(cell.id);
    }
    std::erase_if(forgotten, [&](const Store::PlannedCell& cell) { return !failed.contains(cell.id); });
  }
  for (const std::string& file : store.forget(forgotten)) remove_path(folder / file);
  return store;
}

std::vector<size_t> unfinished_cells(const Store& store, const std::vector<Store::PlannedCell>& plan) {
  std::set<std::string> over;
  for (const Store::Entry& entry : store.cells()) {
    if (entry.status == CellStatus::kDone || entry.status == CellStatus::kFailed) over.insert(entry.id);
  }
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
