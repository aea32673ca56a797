#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cprobe {

/// A table read from a CSV file:
///   - RFC 4180: quoted fields, doubled quotes, line breaks inside quotes; lines end with CRLF or
///     LF. Fields are divided by commas or, if the header has none, by tabs or semicolons.
///   - A UTF-8 byte order mark and blank lines are skipped.
///   - The first record is the header, and every record has as many fields as the header.
///   - One column may be unnamed, such as the row index that pandas writes.
class CsvTable {
 public:
  /// @throws Error (kInput) naming file and line: unreadable, empty, ragged, not UTF-8 (names
  ///         UTF-16), a misplaced or unclosed quote, a lone carriage return, a column twice in the
  ///         header.
  static CsvTable read(const std::filesystem::path& path);
  static CsvTable parse(std::string_view text, const std::string& source_name);

  const std::string& source() const { return source_; }  ///< The file's name, for messages.
  const std::vector<std::string>& columns() const { return columns_; }
  size_t n_rows() const { return rows_.size(); }
  bool has_column(std::string_view name) const;

  /// All fields of a column.
  /// @throws Error (kInput) if there is no such column; lists the columns and suggests the nearest.
  std::vector<std::string> text(std::string_view column) const;

  /// The named columns whose fields are all whole numbers, in the file's order.
  std::vector<std::string> integer_columns() const;

  /// A column of whole numbers. A field is an optional sign and digits, with spaces around them
  /// allowed; "3.0" is no whole number.
  /// @throws Error (kInput) naming file, line and column for a field that is empty, not a whole
  ///         number or out of int64's range; as `text` for a missing column.
  std::vector<int64_t> integers(std::string_view column) const;

  /// A column of lists of whole numbers separated by spaces ("76 88 113"), one list per row. An
  /// empty field is an empty list.
  /// @throws Error (kInput) as `integers`.
  std::vector<std::vector<int64_t>> integer_lists(std::string_view column) const;

  /// The line of the file, from 1, at which a row begins. @param row from 0, below n_rows().
  size_t line(size_t row) const { return lines_[row]; }

 private:
  size_t index_of(std::string_view column) const;
  int64_t integer(std::string_view text, size_t row, std::string_view column) const;

  std::string source_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> lines_;
};

/// One CSV record with a trailing "\n". Fields with a comma, quote or line break are quoted.
std::string csv_record(const std::vector<std::string>& fields);

/// A header and the records below it as CSV.
std::string csv_text(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& records);

}  // namespace cprobe
