#pragma once

#include <torch/types.h>

namespace cprobe {

/// Rows of `x`, on its device. `rows` may be on another device: indices (nodes, rows of a batch,
/// orders) are made on the CPU.
/// @param rows  [n] int64.
/// @return      [n, ...], differentiable in x.
inline at::Tensor rows_at(const at::Tensor& x, const at::Tensor& rows) {
  return x.index_select(0, rows.to(x.device()));
}

}  // namespace cprobe
