#include "cprobe/benchmark/shared_models.h"

#include <numeric>

#include "cprobe/run/cluster/shards.h"

namespace cprobe {
namespace {

/// Empty for a process that works alone.
std::string shard_of(const RunOptions& options) {
  if (options.ranks == nullptr) return options.shard;
  const std::string rank = fmt::format("rank_{}", options.ranks->rank());
  return options.shard.empty() ? rank : options.shard + "_" + rank;
}

}  // namespace

std::vector<std::string> compute_models(const std::vector<std::string>& names, const std::filesystem::path& folder,
                                        const RunOptions& options, const std::function<void(size_t)>& compute) {
  const OnMessage& on_message = options.callbacks.on_message;
  const std::string shard = shard_of(options);
  if (shard.empty()) {
    const std::unique_ptr<RunLock> whole = lock_whole(folder, options.wait, on_message);
    for (size_t i = 0; i < names.size(); ++i) compute(i);
    return {};
  }
  const std::filesystem::path own = shard_folder(folder, shard);
  const RunLock lock(own, options.wait, on_message);
  // A process that has the whole folder saw no shard when it began: this one waits for its end.
  { const RunLock moment(folder, true, on_message); }
  std::vector<size_t> open(names.size());
  std::iota(open.begin(), open.end(), 0);
  // Goes round until a round brings nothing. So the process that lets go of its last model last of
  // all goes round once more, finds no other process at a model, and ends with all of them.
  for (size_t n_before = open.size() + 1; !open.empty() && open.size() < n_before;) {
    n_before = open.size();
    std::erase_if(open, [&](size_t model) {
      Claims claim(folder, own, false);  // Lets go of the model at its end.
      if (!claim.take(names[model])) return false;
      compute(model);
      return true;
    });
  }
  std::vector<std::string> left;
  left.reserve(open.size());
  for (const size_t model : open) left.push_back(names[model]);
  return left;
}

}  // namespace cprobe
