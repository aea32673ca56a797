#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "cprobe/core/progress.h"
#include "cprobe/run/estimate.h"
#include "cprobe/run/workers.h"

namespace cprobe {

/// That of the last call that worked in a folder on such a device; none where there was none, or where a process of
/// another machine works there now.
std::optional<Parallelism> recorded_parallelism(const std::filesystem::path& folder, at::Device device);

/// What was asked for (RunOptions), completed by what is recorded or, where there is nothing, measured.
Parallelism settle_parallelism(int n_jobs, int n_threads, const std::optional<Parallelism>& recorded,
                               const std::function<Parallelism()>& measure);

/// On GPUs nothing is measured: one cell at a time per GPU, the processors shared out among them.
/// @param is_rank of an MPI job, where each rank has one.
Parallelism gpu_parallelism(at::Device device, bool is_rank);

/// A choice with what it is expected to take.
struct MeasuredParallelism {
  Parallelism parallelism;
  Estimate estimate;
  int64_t peak_memory = 0;  ///< Of the run so computed; bytes, as Estimate::peak_memory.
};

/// The faster of two ways to compute cells here: one at a time on all processors, or as many at once as there are
/// processors (fewer where memory does not suffice), on one thread each. Both are measured as they would run, in a few
/// seconds. Leaves the number of threads of this thread changed.
/// @param memory bytes for residual streams, as RunOptions::memory. @param on_progress as Estimate.
/// @throws Error as Estimate.
MeasuredParallelism measure_parallelism(const Spec& spec, const std::vector<Cell>& cells, const RunData& data,
                                        int64_t memory, const std::filesystem::path& scratch,
                                        const OnProgress& on_progress);

}  // namespace cprobe
