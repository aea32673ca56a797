#pragma once

#include <torch/types.h>

#include <string>
#include <string_view>

/// Where cells are computed: `--device`.
namespace cprobe {

/// Reads the value of `--device`: "cpu"; "cuda", all GPUs in turn; "cuda:1", that GPU alone.
/// @throws Error (kInput) for any other text, or an index over 127.
at::Device parse_device(std::string_view text);

/// "cpu" or "cuda", without an index: all that a cell's identity holds of its device.
std::string device_kind(at::Device device);

/// The number of GPUs that this process sees; 0 if libtorch was built without CUDA.
int n_gpus();

/// The GPU, from 0, that a worker uses. The workers of all processes of a job on this machine take
/// the GPUs in turn: first the workers of local rank 0, then those of local rank 1, and so on.
/// @param local_rank  as `local_rank()`.
/// @param n_jobs      workers of each process.
/// @param worker      number of the worker in its process, from 0.
/// @param n_gpus      > 0.
int gpu_of_worker(int local_rank, int n_jobs, size_t worker, int n_gpus);

/// The number of this process among its job's processes on this machine, from 0: what Open MPI or
/// Slurm put into the environment (OMPI_COMM_WORLD_LOCAL_RANK, SLURM_LOCALID). 0 outside a job.
int local_rank();

}  // namespace cprobe
