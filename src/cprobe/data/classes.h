#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/io/csv.h"

namespace cprobe {

/// A column of a file.
struct FileColumn {
  const CsvTable* file = nullptr;
  std::string name;
};

/// The values of some columns, and what they are called.
struct Classes {
  std::vector<std::vector<int64_t>> values;  ///< Per column, a number per row.
  /// Name of each class, by its number from 0. Empty: the numbers are the file's own.
  std::vector<std::string> names;
};

/// Whether a field and a text from a spec say the same: equal but for spaces around them, or the
/// same whole number.
bool is_same_value(std::string_view field, std::string_view text);

/// Whether a field is a finite number, and whether it is a whole one, also written "1.0".
bool is_number(const std::string& field);
bool is_whole_number(const std::string& field);

/// 1 or 0 for a field that says so: 1, 0, also written "1.0", `true` or `false`.
std::optional<int64_t> truth_of(std::string_view field);

/// Column -> number of classes that its numbers are divided into. The entry "" is for all columns
/// whose numbers are not whole.
using Bins = std::map<std::string, int64_t>;

/// Reads a variable from its columns in all files of a run, so that a number means the same in all:
///   - whole numbers, also written "1.0", are their own values;
///   - `true` and `false`, in any capitalisation, are 1 and 0;
///   - any other text is a class, numbered from 0 in the order of the bytes of all names;
///   - numbers that `bins` divides are classes of about equally many rows of the first column's
///     file, in ascending order; equal numbers are in one class.
/// Spaces around a field count for nothing.
/// @throws Error (kInput) naming file, line and column: an empty field or `nan`; a field that is no
///         whole number where others are numbers; numbers too much alike for two classes; as
///         CsvTable::text for a missing column.
Classes classes_of(const std::vector<FileColumn>& columns, const Bins& bins = {});

}  // namespace cprobe
