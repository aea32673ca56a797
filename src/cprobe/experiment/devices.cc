#include "cprobe/experiment/devices.h"

#include <torch/cuda.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

std::optional<int> as_number(std::string_view text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

void require_device(at::Device device) {
  if (device.is_cpu()) return;
  if (!at::hasCUDA()) {
    throw input_error(
        "--device {}: this program's libtorch was built without CUDA; build with one that has it "
        "(docs/commands.md)",
        device.str());
  }
  if (const int n = n_gpus(); n == 0 || device.index() >= n) {
    throw input_error("--device {}: there {} here", device.str(),
                      n == 0   ? "is no GPU"
                      : n == 1 ? "is one GPU, cuda:0,"
                               : fmt::format("are {} GPUs, from cuda:0,", n));
  }
}

}  // namespace

at::Device parse_device(std::string_view text) {
  if (text == "cpu") return {at::kCPU};
  if (text == "cuda") return {at::kCUDA};
  constexpr std::string_view kPrefix = "cuda:";
  // An index is stored in 8 bits.
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

DeviceData::DeviceData(const RunData& data, at::Device device) : data_(data), device_(device) {
  require_device(device);
}

const RunData& DeviceData::of_worker(size_t worker, int n_jobs) {
  if (device_.is_cpu()) return data_;
  const int gpu = device_.has_index() ? device_.index() : gpu_of_worker(local_rank(), n_jobs, worker, n_gpus());
  const std::lock_guard lock(mutex_);
  if (const auto found = copies_.find(gpu); found != copies_.end()) return found->second;
  RunData moved = data_;
  moved.model = on_device(data_.model, {at::kCUDA, static_cast<at::DeviceIndex>(gpu)});
  return copies_.emplace(gpu, std::move(moved)).first->second;
}

}  // namespace cprobe
