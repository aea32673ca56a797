#pragma once

#include "cprobe/record/recorded.h"
#include "cprobe/record/row_value.h"

/// Rows of the record's tables as lists of values: what SQLite stores, and what travels between ranks.
namespace cprobe {

/// The columns behind `cell` and the row's number, in the order of the schema (store_schema.cc).
RowValues encode(const ResultField& field);   ///< Table `fields`.
RowValues encode(const Metric& metric);       ///< Table `metrics`.
RowValues encode(const EpochRecord& record);  ///< Table `curves`.

/// The reverse. @param values as `encode` gives them, or as a record of an earlier version has them.
/// @throws Error (kFailed) if a value is of another type, or one is missing.
void decode(const RowValues& values, ResultField& field);
void decode(const RowValues& values, Metric& metric);
void decode(const RowValues& values, EpochRecord& record);

}  // namespace cprobe
