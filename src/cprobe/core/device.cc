#include "cprobe/core/device.h"

#include <torch/cuda.h>

#include <cstdlib>

#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"

namespace cprobe {
namespace {

std::optional<int> as_number(std::string_view text) {
  const std::optional<int> number = whole_number<int>(text);
  return number && *number >= 0 ? number : std::nullopt;
}

}  // namespace

at::Device parse_device(std::string_view text) {
  if (text == "cpu") return {at::kCPU};
  if (text == "cuda") return {at::kCUDA};
  constexpr std::string_view kPrefix = "cuda:";
  // at::DeviceIndex has 8 bits.
  if (text.starts_with(kPrefix)) {
    const std::optional<int> index = as_number(text.substr(kPrefix.size()));
    if (index && *index < 128) return {at::kCUDA, static_cast<at::DeviceIndex>(*index)};
  }
  throw input_error("unknown device '{}': expected cpu, cuda or cuda:N", text);
}

std::string device_kind(at::Device device) {
  return at::DeviceTypeName(device.type(), /*lower_case=*/true);
}

int n_gpus() {
  return at::hasCUDA() ? static_cast<int>(torch::cuda::device_count()) : 0;
}

int gpu_of_worker(int local_rank, int n_jobs, size_t worker, int n_gpus) {
  return (local_rank * n_jobs + static_cast<int>(worker)) % n_gpus;
}

int local_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"}) {
    const char* value = std::getenv(name);
    if (value != nullptr) return as_number(value).value_or(0);
  }
  return 0;
}

}  // namespace cprobe
