#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>

#include "cprobe/run/cluster/ranks.h"
#include "cprobe/run/compute_cells.h"

namespace cprobe {

/// How the cells of a spec are computed, for circuits and comparison methods alike.
struct RunOptions {
  std::filesystem::path out;  ///< Run folder; if empty, the spec's.
  Again again;                ///< By default, finished and failed cells stay as they are.
  bool wait = false;          ///< Wait while another process works in the folder.
  /// Bytes for the residual streams of all cells that are computed at once. Streams that would take
  /// more are kept in scratch files in the run folder (CPU only).
  int64_t memory = 500'000'000;
  /// Cells computed at the same time (jobs), and threads of each cell. Threads are part of a cell's
  /// identity. 0 is automatic:
  ///   - both 0: as in the folder's last call on this kind of device; without such a call, the
  ///     faster of two ways, measured: one cell on all processors, or many on one thread each;
  ///   - only jobs given: the threads of the last call, else an equal share of the processors;
  ///   - only threads given: the jobs of the last call if that call had as many threads, else 1.
  int n_jobs = 0;
  int n_threads = 0;
  /// Name of this process among several that work on the folder at the same time. Its cells are
  /// recorded in shards/NAME of the run folder until merge_shards gathers them. Empty if this
  /// process works alone.
  std::string shard;
  /// Where the model runs: the CPU, one GPU, or all GPUs (no index), which workers take in turn.
  /// On GPUs:
  ///   - "cuda" is part of a cell's identity;
  ///   - residual streams must fit into `memory`;
  ///   - automatic jobs and threads are not measured: one job per GPU, with an equal share of the
  ///     processors.
  at::Device device = at::kCPU;
  RunCallbacks callbacks;  ///< Functions that follow the run.
  /// The ranks of an MPI job, which all make the same call. Null if this process works alone.
  Ranks* ranks = nullptr;
  double rank_timeout = 30;  ///< Seconds of silence after which a rank counts as dead.
};

}  // namespace cprobe
