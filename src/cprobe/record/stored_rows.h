#pragma once

#include "cprobe/record/recorded.h"
#include "cprobe/record/row_value.h"

/// Converts rows of the record's tables to and from lists of values, which SQLite stores and ranks
/// exchange.
namespace cprobe {

/// The values of a row in the order of the schema's columns (store_schema.cc), without the first
/// two: `cell` and the row's number.
/// @param row  a ResultField (table `fields`), Metric (`metrics`) or EpochRecord (`curves`).
template <typename Row>
RowValues encode(const Row& row);

/// The reverse of `encode`.
/// @param values  as `encode` makes them, or as a record of an earlier version holds them.
/// @throws Error (kFailed) if a value has another type, or the number of values is wrong.
template <typename Row>
void decode(const RowValues& values, Row& row);

}  // namespace cprobe
