#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>

namespace cprobe {

/// A float32 array [n_rows, n_columns] in a file without a name in `folder`, for what need not stay in memory: the
/// system writes its pages out and drops them where memory is short. The file is gone with the array, or with the
/// process. Contents are zero at first.
/// @throws Error (kFailed) naming the folder if the file cannot be made or the disk has no room for it.
at::Tensor scratch_array(const std::filesystem::path& folder, int64_t n_rows, int64_t n_columns);

}  // namespace cprobe
