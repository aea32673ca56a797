#include "cprobe/run/device_data.h"

#include "cprobe/core/device.h"
#include "cprobe/core/error.h"

namespace cprobe {
namespace {

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
