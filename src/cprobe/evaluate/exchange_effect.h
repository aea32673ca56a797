#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "cprobe/evaluate/behaviour.h"

namespace cprobe {

/// What an exchange (exchange_bench.h) does to the model's answers, row by row. All outcomes are of
/// the same rows.

/// Whether a row's answer stays as it was, [n_rows] bool. `keep` is the share of these rows.
at::Tensor kept_answers(const Outcomes& exchanged, const Outcomes& untouched);

/// Which answers an exchange moves to those of the donors.
struct Moved {
  /// [n_rows] bool: the untouched model answers the donor differently from the row. Only these rows
  /// can tell.
  at::Tensor counted;
  at::Tensor to_donor;  ///< [n_rows] bool: counted, and answered as the donor under the exchange.

  int64_t n_counted() const;
  /// Share of the counted rows that move. Unset if no row counts.
  std::optional<double> share() const;
};

/// @param base, donor  of the untouched model.
Moved moved(const Outcomes& exchanged, const Outcomes& base, const Outcomes& donor);

/// The least share of rows that the exchange of the whole component must move for that of a part to
/// be given in relation.
inline constexpr double kLeastMoved = 0.2;

/// The share that a part of the component moves, in relation to the whole:
///
///     carried = moved(through the units) / moved(whole)
///     left    = moved(around the units)  / moved(whole)
///
/// Not limited to 1, as a part may move rows that the whole does not. Unset where the whole moves
/// less than kLeastMoved, or no row counts.
std::optional<double> relative_to_whole(const Moved& part, const Moved& whole);

}  // namespace cprobe
