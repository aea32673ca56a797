#include "cprobe/io/csv.h"

#include <algorithm>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"
#include "cprobe/core/text.h"
#include "cprobe/core/utf8.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace {

/// Takes the records off a text, one after the other.
class RecordReader {
 public:
  RecordReader(std::string_view text, const std::string& source, char delimiter)
      : text_(text), source_(source), delimiter_(delimiter), ends_of_plain_field_({delimiter, '\r', '\n', '"'}) {}

  /// Reads the next record that is not a blank line into `fields`; false at the end of the text.
  bool next(std::vector<std::string>& fields) {
    while (offset_ < text_.size() && take_line_end()) {
    }
    if (offset_ == text_.size()) return false;
    record_line_ = line_;
    fields.clear();
    do {
      fields.push_back(text_.substr(offset_).starts_with('"') ? quoted_field() : plain_field());
    } while (take(delimiter_));
    if (offset_ < text_.size() && !take_line_end()) {
      throw error(line_, fmt::format("expected {} or the end of the line after a field; a quote inside a field is "
                                     "written twice",
                                     delimiter_ == ','   ? "a comma"
                                     : delimiter_ == ';' ? "a semicolon"
                                                         : "a tab"));
    }
    return true;
  }

  size_t record_line() const { return record_line_; }  ///< Where the last record began, from 1.

  Error error(size_t line, std::string_view message) const { return input_error("{}:{}: {}", source_, line, message); }

 private:
  bool take(char c) {
    if (offset_ == text_.size() || text_[offset_] != c) return false;
    ++offset_;
    return true;
  }

  bool take_line_end() {
    if (text_.substr(offset_).starts_with("\r\n")) ++offset_;
    if (!take('\n')) return false;
    ++line_;
    return true;
  }

  std::string plain_field() {
    const size_t end = std::min(text_.find_first_of(ends_of_plain_field_, offset_), text_.size());
    const size_t begin = std::exchange(offset_, end);
    if (end < text_.size() && text_[end] == '\r' && !text_.substr(end).starts_with("\r\n")) {
      throw error(line_, "a carriage return stands alone; lines end with \\n or \\r\\n");
    }
    return std::string(text_.substr(begin, end - begin));
  }

  std::string quoted_field() {
    const size_t first_line = line_;
    std::string field;
    ++offset_;
    while (true) {
      const size_t quote = text_.find('"', offset_);
      if (quote == std::string_view::npos) throw error(first_line, "a quoted field is never closed");
      const std::string_view part = text_.substr(offset_, quote - offset_);
      line_ += static_cast<size_t>(std::count(part.begin(), part.end(), '\n'));
      field += part;
      offset_ = quote + 1;
      if (!take('"')) return field;
      field += '"';
    }
  }

  std::string_view text_;
  const std::string& source_;
  char delimiter_;
  std::string ends_of_plain_field_;
  size_t offset_ = 0;
  size_t line_ = 1;
  size_t record_line_ = 1;
};

/// The whole number in a field: an optional sign and digits, in int64's range.
std::optional<int64_t> whole(std::string_view field) {
  // from_chars takes no plus sign.
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  return whole_number<int64_t>(field);
}

/// What divides the fields: a comma, unless the header has none outside quotes, but has tabs or
/// semicolons.
char delimiter_of(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));  // blank lines
  std::string outside_quotes;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '\n' || c == '\r')) break;
    if (!quoted) outside_quotes += c;
  }
  for (const char delimiter : {',', '\t', ';'}) {
    if (outside_quotes.find(delimiter) != std::string::npos) return delimiter;
  }
  return ',';
}

}  // namespace

CsvTable CsvTable::parse(std::string_view text, const std::string& source_name) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw input_error("{}: the text is UTF-16; save it as UTF-8", source_name);
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  RecordReader reader(text, source_name, delimiter_of(text));
  const size_t valid = utf8_prefix(text);
  if (valid != text.size()) throw reader.error(place_of(text, valid).line, "not UTF-8");

  CsvTable table;
  table.source_ = source_name;
  if (!reader.next(table.columns_)) throw reader.error(1, "the file is empty; expected a header line");
  std::set<std::string> names;
  for (const std::string& name : table.columns_) {
    if (!names.insert(name).second) {
      throw reader.error(reader.record_line(), fmt::format("the column '{}' stands twice in the header", name));
    }
  }
  std::vector<std::string> fields;
  while (reader.next(fields)) {
    if (fields.size() != table.columns_.size()) {
      throw reader.error(reader.record_line(), fmt::format("expected {} fields as in the header, found {}",
                                                           table.columns_.size(), fields.size()));
    }
    table.rows_.push_back(std::move(fields));
    table.lines_.push_back(reader.record_line());
  }
  return table;
}

CsvTable CsvTable::read(const std::filesystem::path& path) {
  return parse(read_file(path), path.string());
}

bool CsvTable::has_column(std::string_view name) const {
  return std::find(columns_.begin(), columns_.end(), name) != columns_.end();
}

size_t CsvTable::index_of(std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) {
    const std::optional<std::string> meant = similar(column, columns_);
    throw input_error("{}: no column '{}'{} The columns are '{}'", source_, column,
                      meant ? fmt::format(", did you mean '{}'?", *meant) : ".", fmt::join(columns_, "', '"));
  }
  return static_cast<size_t>(found - columns_.begin());
}

std::vector<std::string> CsvTable::text(std::string_view column) const {
  const size_t index = index_of(column);
  std::vector<std::string> result;
  result.reserve(rows_.size());
  for (const auto& row : rows_) result.push_back(row[index]);
  return result;
}

int64_t CsvTable::integer(std::string_view text, size_t row, std::string_view column) const {
  if (const std::optional<int64_t> value = whole(text)) return *value;
  throw input_error("{}:{}: column '{}': expected a whole number from -2^63 to 2^63 - 1, found '{}'", source_,
                    lines_[row], column, text);
}

std::vector<std::string> CsvTable::integer_columns() const {
  std::vector<std::string> found;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const auto is_whole = [&](const std::vector<std::string>& row) { return whole(trimmed(row[c])).has_value(); };
    if (!rows_.empty() && std::ranges::all_of(rows_, is_whole)) found.push_back(columns_[c]);
  }
  return found;
}

std::vector<int64_t> CsvTable::integers(std::string_view column) const {
  const size_t index = index_of(column);
  std::vector<int64_t> result;
  result.reserve(rows_.size());
  for (size_t row = 0; row < rows_.size(); ++row) result.push_back(integer(trimmed(rows_[row][index]), row, column));
  return result;
}

std::vector<std::vector<int64_t>> CsvTable::integer_lists(std::string_view column) const {
  const size_t index = index_of(column);
  std::vector<std::vector<int64_t>> result(rows_.size());
  for (size_t row = 0; row < rows_.size(); ++row) {
    std::string_view rest = trimmed(rows_[row][index]);
    while (!rest.empty()) {
      const size_t length = std::min(rest.find_first_of(" \t"), rest.size());
      result[row].push_back(integer(rest.substr(0, length), row, column));
      rest = trimmed(rest.substr(length));
    }
  }
  return result;
}

std::string csv_record(const std::vector<std::string>& fields) {
  std::string record;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) record += ',';
    // A record of one empty field would read as a blank line.
    const bool quoted = field.find_first_of(",\"\r\n") != std::string::npos || (field.empty() && fields.size() == 1);
    record += quoted ? fmt::format("\"{}\"", escaped(field, {{'"', "\"\""}})) : field;
  }
  return record + "\n";
}

std::string csv_text(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& records) {
  std::string text = csv_record(header);
  for (const std::vector<std::string>& record : records) text += csv_record(record);
  return text;
}

}  // namespace cprobe
