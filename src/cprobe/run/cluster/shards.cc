#include "cprobe/run/cluster/shards.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <thread>
#include <utility>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/run/parallelism.h"
#include "cprobe/run/run_folder.h"

namespace cprobe {
namespace {

constexpr const char* kShards = "shards";
constexpr const char* kClaims = "claims";  ///< Folder beside the shards; no shard has this name.
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

// The content of a claim's file once the cell is over.
constexpr char kDone = 'd';
constexpr char kFailed = 'f';

/// The shards of a folder, with the times at which they were begun and in that order. Leaves out
/// shards at work on other machines.
/// @throws Error (kInput) if the shards are of several models or data.
std::vector<std::pair<std::string, std::filesystem::path>> shards_of(const std::filesystem::path& folder) {
  std::vector<std::pair<std::string, std::filesystem::path>> shards;
  std::string data;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder / kShards, problem)) {
    // SQLite's log needs memory that writer and reader share, so a record that is being written can
    // be read on the writer's machine only.
    if (!holds_run(entry.path()) || RunLock::is_held_elsewhere(entry.path())) continue;
    const Store store = Store::open_existing(entry.path());
    const std::vector<Invocation> calls = store.invocations();
    shards.emplace_back(calls.empty() ? "" : calls.back().started, entry.path());
    const std::string own = store.data();
    if (own.empty()) continue;
    if (!data.empty() && own != data) {
      throw input_error("{}: shards are of several models or data; take a run folder for each, or move the others away",
                        (folder / kShards).string());
    }
    data = own;
  }
  std::ranges::sort(shards);
  return shards;
}

bool has_shards(const std::filesystem::path& folder) {
  std::error_code problem;
  const std::filesystem::directory_iterator entries(folder / kShards, problem);
  return std::any_of(begin(entries), end(entries), [](const auto& entry) { return holds_run(entry.path()); });
}

std::vector<std::string> shards_at_work(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder / kShards, problem)) {
    if (RunLock::is_held(entry.path())) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::filesystem::path shard_folder(const std::filesystem::path& folder, const std::string& name) {
  const bool is_plain = name.find_first_not_of(kNameCharacters) == std::string::npos && !name.starts_with('.');
  if (name.empty() || !is_plain || name == kClaims) {
    throw input_error("'{}' cannot be the name of a shard: use letters, digits, '_', '.' and '-'", name);
  }
  return folder / kShards / name;
}

Parallelism shared_parallelism(const std::filesystem::path& folder, at::Device device,
                               const std::function<Parallelism()>& settle, const OnMessage& on_message) {
  const RunLock lock(folder, true, on_message);
  const bool is_recorded = recorded_parallelism(folder, device).has_value();
  const Parallelism settled = settle();
  if (!is_recorded) Store::open(folder, on_message).begin(this_call({.parallelism = settled, .device = device}));
  return settled;
}

Claims::Claims(const std::filesystem::path& folder, const std::filesystem::path& own, bool retry_failed)
    : folder_(folder / kShards / kClaims) {
  std::error_code problem;
  std::filesystem::create_directories(folder_, problem);
  if (problem) throw failure("{}: cannot be made: {}", folder_.string(), problem.message());
  // This process wrote its lock when it began. Lock and claims have times of the same file system.
  if (retry_failed) retry_before_ = std::filesystem::last_write_time(own / kLockName);
}

Claims::~Claims() {
  for (const auto& [id, descriptor] : descriptors_) ::close(descriptor);
}

bool Claims::take(const std::string& id) {
  if (descriptors_.contains(id)) return true;  // A worker of this process was lost with the cell.
  const std::filesystem::path path = folder_ / id;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) throw failure("{}: cannot be written: {}", path.string(), std::strerror(errno));
  try {
    if (lock_now(descriptor, path)) {
      char said = 0;
      const bool is_over = ::pread(descriptor, &said, 1, 0) == 1;
      const bool is_old_failure =
          said == kFailed && retry_before_ && std::filesystem::last_write_time(path) < *retry_before_;
      if (!is_over || is_old_failure) {
        descriptors_[id] = descriptor;
        return true;
      }
    }
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  return false;
}

void Claims::finish(const std::string& id, bool is_done) {
  const auto found = descriptors_.find(id);
  if (found == descriptors_.end()) return;
  const char said = is_done ? kDone : kFailed;
  if (::pwrite(found->second, &said, 1, 0) != 1) {
    throw failure("{}: cannot be written: {}", (folder_ / id).string(), std::strerror(errno));
  }
  ::close(found->second);
  descriptors_.erase(found);
}

std::unique_ptr<RunLock> lock_whole(const std::filesystem::path& folder, bool wait, const OnMessage& on_message,
                                    const std::function<void()>& meanwhile) {
  bool told = false;
  while (true) {
    // Waiting for shards must not hold the folder's lock: a shard that begins needs the lock for a
    // moment.
    std::unique_ptr<RunLock> lock = std::make_unique<RunLock>(folder, wait, on_message, meanwhile);
    const std::vector<std::string> working = shards_at_work(folder);
    if (working.empty()) return lock;
    lock.reset();
    const std::string what =
        fmt::format("{}: {} of its shards are at work ({})", folder.string(), working.size(), fmt::join(working, ", "));
    if (!wait) throw input_error("{}; help them with --shard NAME, or wait for their end (--wait)", what);
    if (!std::exchange(told, true)) tell(on_message, {Message::Kind::kWarning, what + "; waiting for their end"});
    stop_if_interrupted();
    if (meanwhile) meanwhile();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

void gather_shards(const std::filesystem::path& folder) {
  if (!has_shards(folder)) return;
  Store store = Store::open(folder);
  for (const auto& [started, shard] : shards_of(folder)) store.gather(shard, false);
}

MergeSummary merge_shards(const std::filesystem::path& folder, const OnMessage& on_message) {
  if (!std::filesystem::is_directory(folder)) throw input_error("{}: no such folder", folder.string());
  if (!has_shards(folder)) {
    throw input_error("{}: holds no shards; they come from `cprobe fit SPEC --out {} --shard NAME`", folder.string(),
                      folder.string());
  }
  const RunLock lock(folder, true, on_message);  // Shards that begin hold this lock for a moment.
  MergeSummary summary{.working = shards_at_work(folder)};
  Store store = Store::open(folder, on_message);
  store.verify();
  for (const auto& [started, shard] : shards_of(folder)) {
    ++summary.n_shards;
    Store::Gathered gathered = store.gather(shard, true);
    summary.n_gathered += gathered.n_cells;
    std::ranges::move(gathered.damaged, std::back_inserter(summary.damaged));
  }
  store.export_tables();
  for (const CellEntry& cell : store.cells()) {
    ++summary.n_cells;
    if (cell.status == CellStatus::kDone) {
      ++summary.n_done;
      std::erase(summary.damaged, cell.label);  // Another shard had the cell intact.
    }
    if (cell.status == CellStatus::kFailed) summary.failures.push_back(fmt::format("{}: {}", cell.label, cell.error));
  }
  return summary;
}

}  // namespace cprobe
