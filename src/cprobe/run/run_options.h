#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>

#include "cprobe/run/cluster/ranks.h"
#include "cprobe/run/compute_cells.h"

namespace cprobe {

/// How cells of a spec are computed, whatever they are.
struct RunOptions {
  std::filesystem::path out;  ///< Run folder; empty: the spec's.
  Again again;                ///< Otherwise cells that are finished or failed stay as they are.
  bool wait = false;          ///< Where another process works in the folder, wait until it has ended.
  /// Bytes for the residual streams of all cells that are computed at once. Where they would take more, they are kept in
  /// scratch files in the run folder.
  int64_t memory = 500'000'000;
  /// Cells at once, and threads of each (part of its identity). 0: as the folder's last call had it or, without one, what
  /// measures as the faster of one cell on all processors and many on one each. Jobs alone leave the threads as
  /// they were there or, without a call, share the processors out; threads alone keep the jobs of a call with as many, and
  /// otherwise mean one cell at once.
  int n_jobs = 0;
  int n_threads = 0;
  /// Name of this process among others that work on the folder at the same time; empty: nobody else does. Its cells are
  /// recorded in a folder of its own, shards/NAME, until merge_shards gathers them.
  std::string shard;
  /// Where the model runs: the CPU, or a GPU (without an index: all GPUs, workers taking turns; then one job per GPU and
  /// nothing measured unless asked). Part of a cell's identity where it is not the CPU. Streams must fit into `memory`.
  at::Device device = at::kCPU;
  RunCallbacks callbacks;    ///< Whoever follows the run.
  Ranks* ranks = nullptr;    ///< Of an MPI job, all of which make the same call; none: this process alone.
  double rank_timeout = 30;  ///< Seconds without a word after which a rank is taken for dead.
};

}  // namespace cprobe
