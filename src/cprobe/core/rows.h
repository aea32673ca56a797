#pragma once

#include <torch/types.h>

#include <algorithm>

namespace cprobe {

/// Rows of `x`, on its device. `rows` may be on another device: indices (nodes, rows of a batch,
/// orders) are made on the CPU.
/// @param rows  [n] int64.
/// @return      [n, ...], differentiable in x.
inline at::Tensor rows_at(const at::Tensor& x, const at::Tensor& rows) {
  return x.index_select(0, rows.to(x.device()));
}

/// Calls `use(begin, n)` for all of `n_rows` rows in order, at most `slab` rows at a time.
template <typename Use>
void in_slabs(int64_t n_rows, int64_t slab, const Use& use) {
  for (int64_t begin = 0; begin < n_rows; begin += slab) use(begin, std::min(slab, n_rows - begin));
}

}  // namespace cprobe
