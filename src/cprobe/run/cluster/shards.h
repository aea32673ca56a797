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

/// Several processes, such as the tasks of a Slurm array, that compute cells of one run folder at the same time without a
/// word between them: each takes cells by locking a file of their name and records them in a folder of its own.
namespace cprobe {

/// `folder`/shards/`name`. @throws Error (kInput) unless the name is letters, digits, '_', '.' and '-'.
std::filesystem::path shard_folder(const std::filesystem::path& folder, const std::string& name);

/// Jobs and threads for all processes on a folder, which the first of them settles and records there.
/// @param on_message as RunLock.
Parallelism shared_parallelism(const std::filesystem::path& folder, at::Device device,
                               const std::function<Parallelism()>& settle, const OnMessage& on_message = {});

/// Cells that this process has taken, out of those of a folder. A process that dies lets go of them.
class Claims {
 public:
  /// @param own          folder of this process's shard, locked.
  /// @param retry_failed takes cells, too, that failed in whatever process before this one began.
  Claims(const std::filesystem::path& folder, const std::filesystem::path& own, bool retry_failed);
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;
  ~Claims();

  /// Takes a cell, unless another process has it or it is over. @throws Error (kFailed) if the folder cannot be written.
  bool take(const std::string& id);
  /// The cell is recorded.
  void finish(const std::string& id, bool is_done);

 private:
  std::filesystem::path folder_;
  std::optional<std::filesystem::file_time_type> retry_before_;
  std::map<std::string, int> descriptors_;  ///< Locked files, by cell.
};

struct MergeSummary {
  int64_t n_shards = 0;
  int64_t n_gathered = 0;             ///< Cells that the folder's record did not have.
  std::vector<std::string> damaged;   ///< Labels of cells that a shard's record holds damaged, and which are not taken.
  int64_t n_done = 0;                 ///< Cells of the plan that are finished now.
  int64_t n_cells = 0;                ///< Of the plan.
  std::vector<std::string> working;   ///< Shards that a process works on still.
  std::vector<std::string> failures;  ///< As RunSummary.
};

/// Brings what the shards of a folder found into its record, with the circuits, and writes its tables. Shards stay as they
/// are, and may be at work: called again, it gathers what came since. Waits while a run of the whole folder is at work. Those at work on other machines are passed over.
/// Their plan is that of the one that was begun last.
/// @param on_message as RunLock.
/// @throws Error (kInput) if there is no shard, or they are of several models or data; (kFailed) as Store.
MergeSummary merge_shards(const std::filesystem::path& folder, const OnMessage& on_message = {});

/// The lock of a process that is to work on the whole folder, and not on a shard of it.
/// @param wait, on_message, meanwhile as RunLock.
/// @throws Error as RunLock, and (kInput) while a shard is at work unless `wait`.
std::unique_ptr<RunLock> lock_whole(const std::filesystem::path& folder, bool wait, const OnMessage& on_message = {},
                                    const std::function<void()>& meanwhile = {});

/// Brings it there for the process that holds that lock; what is planned stays so. Nothing where there are no shards.
/// @throws Error (kInput) as merge_shards.
void gather_shards(const std::filesystem::path& folder);

}  // namespace cprobe
