#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>

namespace cprobe {

/// A float32 array [n_rows, n_columns], zero at first, in a file without a name in `folder`. For
/// data that need not stay in memory: if memory is short, the system writes pages of the array to
/// the file and drops them. The file disappears with the array, or with the process.
/// @throws Error (kFailed) naming the folder if the file cannot be made or the disk lacks the room.
at::Tensor scratch_array(const std::filesystem::path& folder, int64_t n_rows, int64_t n_columns);

}  // namespace cprobe
