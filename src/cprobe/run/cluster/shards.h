#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/core/message.h"
#include "cprobe/run/run_lock.h"
#include "cprobe/run/workers.h"

/// Several processes, such as the tasks of a Slurm array, compute cells of one run folder at the
/// same time, without messages between the processes. Each process takes a cell by locking a file
/// with the cell's name, and records its cells in a folder of its own, a *shard*.
namespace cprobe {

/// The shard `folder`/shards/`name`.
/// @throws Error (kInput) if the name is empty, is "claims", begins with '.', or holds a character
///         other than ASCII letters, digits, '_', '.' and '-'.
std::filesystem::path shard_folder(const std::filesystem::path& folder, const std::string& name);

/// Settles the parallelism of this process in agreement with all other processes on a folder. The
/// first process records its parallelism in the folder for the other processes.
/// @param settle      decides, by the folder's record if there is one. Called while the folder is
///                    locked.
/// @param on_message  as RunLock.
Parallelism shared_parallelism(const std::filesystem::path& folder, at::Device device,
                               const std::function<Parallelism()>& settle, const OnMessage& on_message = {});

/// The cells of a folder that this process has taken. A process that dies releases its cells.
class Claims {
 public:
  /// @param own           this process's shard, locked by a RunLock.
  /// @param retry_failed  whether to take also cells that failed, in any process, before this
  ///                      process began.
  /// @throws Error (kFailed) if the folder of claims cannot be made.
  Claims(const std::filesystem::path& folder, const std::filesystem::path& own, bool retry_failed);
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;
  ~Claims();

  /// Takes a cell unless another process has the cell or the cell is over.
  /// @return  whether this process has the cell now.
  /// @throws Error (kFailed) if the folder cannot be written, or its file system has no locks.
  bool take(const std::string& id);
  /// Notes that a cell taken by this process has been recorded, as done or as failed.
  /// @throws Error (kFailed) if the folder cannot be written.
  void finish(const std::string& id, bool is_done);

 private:
  std::filesystem::path folder_;
  /// Failures before this time are tried again; not set if failed cells are not retried.
  std::optional<std::filesystem::file_time_type> retry_before_;
  std::map<std::string, int> descriptors_;  ///< Descriptors of locked files, by cell.
};

struct MergeSummary {
  int64_t n_shards = 0;    ///< Shards that were gathered.
  int64_t n_gathered = 0;  ///< Cells that the folder's record did not have.
  /// Labels of cells that were not gathered, because a shard's record holds them damaged and no
  /// other shard holds them intact.
  std::vector<std::string> damaged;
  int64_t n_done = 0;                 ///< Cells of the plan that are finished now.
  int64_t n_cells = 0;                ///< Cells of the plan.
  std::vector<std::string> working;   ///< Names of shards that a process still works on.
  std::vector<std::string> failures;  ///< As RunSummary::failures.
};

/// Gathers the results and circuits of a folder's shards into the folder's record, and writes the
/// folder's tables.
///   - Shards stay as they are, and may be at work. A second call gathers the results found since.
///   - Shards at work on other machines are passed over.
///   - The folder's plan becomes that of the shard that was begun last.
///
/// Waits while a run of the whole folder is at work.
/// @param on_message  as RunLock.
/// @throws Error
///   - (kInput) if the folder does not exist or has no shards, if its shards are of several models
///     or data, or if its record is damaged;
///   - (kFailed) as Store.
MergeSummary merge_shards(const std::filesystem::path& folder, const OnMessage& on_message = {});

/// Locks a folder for a process that works on the whole folder, and not on one of its shards.
/// @param wait  waits for the process that holds the lock and for shards at work. False: throws.
/// @param on_message, meanwhile  as RunLock.
/// @throws Error as RunLock; (kInput) also if a shard is at work and `wait` is false.
std::unique_ptr<RunLock> lock_whole(const std::filesystem::path& folder, bool wait, const OnMessage& on_message = {},
                                    const std::function<void()>& meanwhile = {});

/// Gathers the results of a folder's shards into the folder's record. The caller must hold
/// `lock_whole`. The plan is left as it is. Does nothing if there are no shards.
/// @throws Error (kInput) if the shards are of several models or data; otherwise as Store.
void gather_shards(const std::filesystem::path& folder);

}  // namespace cprobe
