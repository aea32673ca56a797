#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cprobe/run/run_options.h"

namespace cprobe {

/// Calls `compute` for each model of a benchmark, of which other processes may compute some. No two
/// processes are at the same model at once.
///   - A process alone (no `shard`, no `ranks`) has the whole folder, and computes all.
///   - A shard takes the models that no other process is at, and in the end, one after the other,
///     those that others were at before, whose results `compute` then finds. The process that ends
///     last has so seen all of them.
///   - A rank of an MPI job is a shard with the rank in its name. Ranks send no messages.
/// @param names    of the models. Locks are files with these names in shards/claims of the folder.
/// @param compute  gets the number of a model; called at most once for each.
/// @return         names of the models that other processes were still at.
/// @throws Error (kInput) as `lock_whole`, `shard_folder` and, for a shard, RunLock.
std::vector<std::string> compute_models(const std::vector<std::string>& names, const std::filesystem::path& folder,
                                        const RunOptions& options, const std::function<void(size_t)>& compute);

}  // namespace cprobe
