#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "cprobe/model/model.h"

namespace cprobe {

/// The units of several masks whose gates are open: whose multipliers are not exactly 0.
///
/// A closed gate makes a unit equal in all rows, and passes no gradient (MaskMethod::multipliers).
/// A training step whose masks have closed most of their gates, as hard concrete does early on,
/// therefore needs the open units alone: each mask's block of the last matrix, and blocks of
/// values, [n, number of open units] mask by mask, in one flat tensor.
struct OpenUnits {
  at::Tensor first;  ///< [n_masks + 1] int64: place of each mask's first unit in `units`.
  at::Tensor units;  ///< [n] int32: ascending for each mask.

  int64_t n_masks() const { return first.size(0) - 1; }
  int64_t n() const { return units.size(0); }
  int64_t first_of(int64_t mask) const { return first.data_ptr<int64_t>()[mask]; }
  std::span<const int32_t> of(int64_t mask) const;
};

/// @param open  [n_masks, n_units] bool on the CPU.
OpenUnits open_units(const at::Tensor& open);

/// What the last matrix of a component reads under several masks.
struct OpenHidden {
  OpenUnits open;
  at::Tensor values;  ///< The blocks of values of the open units; float32, flat.
  /// [n_masks, n_in of the last matrix] float32: the values of closed units, equal in all rows, and
  /// 0 for open ones. Undefined: all 0.
  at::Tensor closed;
};

/// x * scale + shift of each mask's open units. Differentiable once, in scale and, without `rows`,
/// in x.
/// @param x      [n_rows, n_units] float32 on the CPU, rows contiguous. With `rows`, all masks read
///               the same rows; without, x is divided into one block of n rows per mask.
/// @param rows   [n] int64 in [0, n_rows). Undefined: all rows in order.
/// @param scale  [n_masks, n_units] float32. Its gradient is 0 where `open` has no unit.
/// @param shift  [n_units] float32.
/// @return       blocks of values, flat.
at::Tensor open_columns(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& shift,
                        const OpenUnits& open);

/// `soft_nearest_neighbours` of the updates that a component's last matrix makes from `hidden`.
/// Coordinates of an update that are equal in all rows count by their length alone, so that all of
/// them together are one coordinate. Differentiable once, in `hidden.values` and the multiplier.
/// @param map         the last matrix, on the CPU.
/// @param multiplier  [n_masks, n_out] float32: the masks of the last matrix. Its gradient is 0
///                    where it is 0.
/// @param labels      [n_masks, n] int64.
/// @return            [n_masks] float32.
at::Tensor soft_nearest_neighbours(const OpenHidden& hidden, const Linear& map, const at::Tensor& multiplier,
                                   const at::Tensor& labels);

}  // namespace cprobe
