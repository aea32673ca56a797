#pragma once

#include <torch/types.h>

#include <string>
#include <string_view>

/// Where cells are computed: `--device`.
namespace cprobe {

/// "cpu"; "cuda", all GPUs in turn; or "cuda:1", one of them. @throws Error (kInput) for any other text.
at::Device parse_device(std::string_view text);

/// "cpu" or "cuda": what cells' identities know of it.
std::string device_kind(at::Device device);

/// GPUs that this process sees: 0 where libtorch was built without CUDA.
int n_gpus();

/// The GPU of a worker among all those of a machine: ranks of an MPI or Slurm job take their places there one after the
/// other, and within a rank its workers. @param local_rank from 0, on this machine.
int gpu_of_worker(int local_rank, int n_jobs, size_t worker, int n_gpus);

/// This process's number among those of its job on this machine, as Open MPI and Slurm say; 0 where there is no job.
int local_rank();

}  // namespace cprobe
