#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "cprobe/core/progress.h"
#include "cprobe/run/estimate.h"
#include "cprobe/run/workers.h"

namespace cprobe {

/// The parallelism of the last call that worked in a folder on this kind of device (CPU or GPU).
/// None if no call did, or if a process of another machine works in the folder now.
std::optional<Parallelism> recorded_parallelism(const std::filesystem::path& folder, at::Device device);

/// Decides how many cells are computed at once, and on how many threads each. 0 means not given.
///   - Both given: as given.
///   - Threads given: the recorded jobs if as many threads are recorded; else 1 job.
///   - Jobs given: the recorded threads; else an equal share of the processors.
///   - None given: as recorded; else `measure()`.
Parallelism settle_parallelism(int n_jobs, int n_threads, const std::optional<Parallelism>& recorded,
                               const std::function<Parallelism()>& measure);

/// The parallelism on GPUs, without measuring: one cell at a time per GPU, with an equal share of
/// the processors for each cell.
/// @param is_rank  whether this process is a rank of an MPI job, in which each rank has one GPU.
Parallelism gpu_parallelism(at::Device device, bool is_rank);

/// The chosen parallelism, with the time and memory that it is expected to take.
struct MeasuredParallelism {
  Parallelism parallelism;
  Estimate estimate;
  int64_t peak_memory = 0;  ///< Bytes of the run with this parallelism, as Estimate::peak_memory.
};

/// Measures two ways to compute cells on this machine, and chooses the faster by training and
/// ablations:
///   - one cell at a time on all processors;
///   - several cells at once on one thread each: as many as there are processors, or fewer if there
///     are fewer cells or memory does not suffice.
///
/// Each way is measured as it would run, in a few seconds. Changes the number of threads of the
/// calling thread.
/// @param in_full      whether the chosen way's estimate includes decoding and exchanges.
/// @param memory       bytes for residual streams, as RunOptions::memory.
/// @param scratch      folder for the scratch files of streams that take more memory than that.
/// @param on_progress  as Estimate.
/// @throws Error as Estimate.
MeasuredParallelism measure_parallelism(const Spec& spec, const std::vector<Cell>& cells, const RunData& data,
                                        bool in_full, int64_t memory, const std::filesystem::path& scratch,
                                        const OnProgress& on_progress);

}  // namespace cprobe
