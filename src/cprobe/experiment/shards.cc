#include "cprobe/experiment/shards.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cprobe/core/error.h"
#include "cprobe/experiment/parallelism.h"
#include "cprobe/experiment/provenance.h"
#include "cprobe/experiment/run_folder.h"
#include "cprobe/experiment/store_schema.h"

namespace cprobe {
namespace {

constexpr const char* kShards = "shards";
constexpr const char* kClaims = "claims";  ///< Beside the shards; no name of one.
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

// What a claim says once its cell is over.
constexpr char kDone = 'd';
constexpr char kFailed = 'f';

}  // namespace

std::filesystem::path shard_folder(const std::filesystem::path& folder, const std::string& name) {
  const bool is_plain = name.find_first_not_of(kNameCharacters) == std::string::npos && !name.starts_with('.');
  if (name.empty() || !is_plain || name == kClaims) {
    throw input_error("'{}' cannot be the name of a shard: use letters, digits, '_', '.' and '-'", name);
  }
  return folder / kShards / name;
}

Parallelism shared_parallelism(const std::filesystem::path& folder, const std::function<Parallelism()>& settle) {
  const RunLock lock(folder, true);
  const bool is_recorded = recorded_parallelism(folder).has_value();
  const Parallelism settled = settle();
  if (!is_recorded) Store::open(folder).begin(this_call({.parallelism = settled}));
  return settled;
}

Claims::Claims(std::filesystem::path folder, bool retry_failed)
    : folder_(std::move(folder) / kShards / kClaims), retry_failed_(retry_failed) {
  std::error_code problem;
  std::filesystem::create_directories(folder_, problem);
  if (problem) throw failure("{}: cannot be made: {}", folder_.string(), problem.message());
}

Claims::~Claims() {
  for (const auto& [id, descriptor] : descriptors_) ::close(descriptor);
}

bool Claims::take(const std::string& id) {
  const std::filesystem::path path = folder_ / id;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) throw failure("{}: cannot be written: {}", path.string(), std::strerror(errno));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    char said = 0;
    const bool is_over = ::pread(descriptor, &said, 1, 0) == 1;
    if (!is_over || (said == kFailed && retry_failed_)) {
      descriptors_[id] = descriptor;
      return true;
    }
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

MergeSummary merge_shards(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> shards;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder / kShards, problem)) {
    if (std::filesystem::exists(entry.path() / kStoreName)) shards.push_back(entry.path());
  }
  if (shards.empty()) {
    throw input_error("{}: holds no shards; they come from `cprobe fit SPEC --out {} --shard NAME`", folder.string(),
                      folder.string());
  }
  std::ranges::sort(shards);
  MergeSummary summary{.n_shards = std::ssize(shards)};
  const RunLock lock(folder, false);
  Store store = Store::open(folder);
  for (const std::filesystem::path& shard : shards) {
    if (RunLock::is_held(shard)) summary.working.push_back(shard.filename().string());
    // The log of a record that somebody writes can be read on the same machine only: it takes memory that both share.
    if (RunLock::is_held_elsewhere(shard)) continue;
    summary.n_gathered += store.gather(shard);
  }
  store.export_tables();
  for (const Store::Entry& cell : store.cells()) {
    ++summary.n_cells;
    if (cell.status == CellStatus::kDone) ++summary.n_done;
    if (cell.status == CellStatus::kFailed) summary.failures.push_back(fmt::format("{}: {}", cell.label, cell.error));
  }
  return summary;
}

}  // namespace cprobe
