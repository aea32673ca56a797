#pragma once

#include <torch/types.h>

#include <string>

#include "cprobe/data/types.h"

/// Types that masks and exemplars never see (docs/statistics.md, "Types, blocks and nulls").
namespace cprobe {

/// The largest share of the types that may be held out.
inline constexpr double kMostHeldOut = 0.5;

/// Draws the types to hold out: a share of the training rows' types, at least one; of the blocks,
/// if there are blocks, with all of their types. The draw depends on the names of the parts, so
/// that other variables of the same parts, other components, seeds and models hold out the same
/// types. A draw that `may_hold_out` refuses is made again, for this variable alone.
/// @param of_train  [n_rows] int64: the type of each training row.
/// @param share     in [0, kMostHeldOut].
/// @param variable  name for the message.
/// @return          [n_types] bool. Undefined, so that nothing is held out, if the share is 0, or
/// if
///                  each row is its own type, which no test row shares anyway.
/// @throws Error (kInput) if no draw leaves each value two types to train on. Names the value with
///         the fewest types.
at::Tensor held_out_types(const Types& types, const at::Tensor& of_train, double share, const std::string& variable);

/// Whether these types may be held out where types have these values: each value of a training row
/// keeps two types among the training rows, and the types held out have two values.
/// @param values    [n_types] int64, of the variable or of a null variable.
/// @param held_out  [n_types] bool; undefined: nothing is held out, which may always be.
bool may_hold_out(const at::Tensor& values, const at::Tensor& of_train, const at::Tensor& held_out);

/// The rows whose type is not held out: [n] int64, ascending.
/// @param of_rows   [n_rows] int64: the type of each row.
/// @param held_out  as above, defined.
at::Tensor rows_not_held_out(const at::Tensor& of_rows, const at::Tensor& held_out);

/// The rows whose type no row that is trained on has: [n] int64, ascending.
/// @param of_train  [n_train] int64: the type of each training row.
at::Tensor rows_of_unseen_types(const at::Tensor& of_rows, const at::Tensor& of_train, const at::Tensor& held_out);

}  // namespace cprobe
