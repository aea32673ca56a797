#pragma once

#include <torch/types.h>

#include <map>
#include <mutex>

#include "cprobe/probe/run_data.h"

namespace cprobe {

/// A run's data, with a copy of the model's weights on each device that its workers use: one per device, however many
/// workers there are. Thread-safe. Refers to `data`, which must outlive it.
class DeviceData {
 public:
  /// @throws Error (kInput) if there is no such device.
  DeviceData(const RunData& data, at::Device device);

  /// With the model on the device of a worker. @param n_jobs workers of this process.
  const RunData& of_worker(size_t worker, int n_jobs);

 private:
  const RunData& data_;
  at::Device device_;
  std::mutex mutex_;
  std::map<int, RunData> copies_;  ///< By GPU.
};

}  // namespace cprobe
