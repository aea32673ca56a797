#pragma once

#include "cprobe/record/recorded.h"
#include "cprobe/record/row_value.h"

/// Converts rows of the record's tables to and from lists of values, which SQLite stores and ranks
/// exchange.
namespace cprobe {

/// The values of a row in the order of the schema's columns (store_schema.cc), without the first
/// two: `cell` and the row's number.
RowValues encode(const ResultField& field);   ///< Table `fields`.
RowValues encode(const Metric& metric);       ///< Table `metrics`.
RowValues encode(const EpochRecord& record);  ///< Table `curves`.

/// The reverse of `encode`.
/// @param values  as `encode` makes them, or as a record of an earlier version holds them.
/// @throws Error (kFailed) if a value has another type, or the number of values is wrong.
void decode(const RowValues& values, ResultField& field);
void decode(const RowValues& values, Metric& metric);
void decode(const RowValues& values, EpochRecord& record);

}  // namespace cprobe
