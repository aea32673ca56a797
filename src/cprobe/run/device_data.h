#pragma once

#include <torch/types.h>

#include <map>
#include <mutex>

#include "cprobe/probe/run_data.h"

namespace cprobe {

/// A run's data, with one copy of the model's weights on each device that workers use. Workers on
/// the same device share its copy. Thread-safe. Refers to `data`, which must outlive this object.
class DeviceData {
 public:
  /// @throws Error (kInput) if the device does not exist, or is a GPU and libtorch lacks CUDA.
  DeviceData(const RunData& data, at::Device device);

  /// The data, with the model on the device of a worker. @param n_jobs  workers of this process.
  const RunData& of_worker(size_t worker, int n_jobs);

 private:
  const RunData& data_;
  at::Device device_;
  std::mutex mutex_;
  std::map<int, RunData> copies_;  ///< By number of the GPU.
};

}  // namespace cprobe
