#include "cprobe/data/classes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"
#include "cprobe/core/text.h"

namespace cprobe {
namespace {

/// Whether a field is a finite number, whole or not.
bool looks_like_number(std::string_view field) {
  double number = 0;
  if (field.starts_with('+')) field.remove_prefix(1);
  const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  return error == std::errc() && stop == field.data() + field.size() && std::isfinite(number);
}

/// The whole number in a field, also one written with zeros behind the point.
std::optional<int64_t> whole(std::string_view field) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  const size_t point = field.find('.');
  if (point != std::string_view::npos && point > 0 &&
      field.find_first_not_of('0', point + 1) == std::string_view::npos) {
    field = field.substr(0, point);
  }
  return whole_number<int64_t>(field);
}

std::optional<int64_t> truth(std::string_view field) {
  const std::string lower = lowercase(field);
  if (lower == "true") return 1;
  if (lower == "false") return 0;
  return std::nullopt;
}

Error refusal(const FileColumn& column, size_t row, std::string_view what) {
  return input_error("{}:{}: column '{}': {}", column.file->source(), column.file->line(row), column.name, what);
}

/// The fields of a column, without the spaces around them.
std::vector<std::string> fields_of(const FileColumn& column) {
  std::vector<std::string> fields = column.file->text(column.name);
  for (size_t row = 0; row < fields.size(); ++row) {
    fields[row] = trimmed(fields[row]);
    if (fields[row].empty()) throw refusal(column, row, "empty, but a variable has a value in each row");
    if (lowercase(fields[row]) == "nan") throw refusal(column, row, "no number (nan), so that the row has no class");
  }
  return fields;
}

}  // namespace

bool is_same_value(std::string_view field, std::string_view text) {
  const std::optional<int64_t> number = whole(trimmed(field));
  return trimmed(field) == trimmed(text) || (number && number == whole(trimmed(text)));
}

std::optional<int64_t> truth_of(std::string_view field) {
  const std::optional<int64_t> number = whole(trimmed(field));
  if (number) return *number == 0 || *number == 1 ? number : std::nullopt;
  return truth(trimmed(field));
}

Classes classes_of(const std::vector<FileColumn>& columns) {
  std::vector<std::vector<std::string>> fields;
  fields.reserve(columns.size());
  for (const FileColumn& column : columns) fields.push_back(fields_of(column));
  const auto any = [&](const auto& holds) {
    return std::ranges::any_of(fields, [&](const auto& of_column) { return std::ranges::any_of(of_column, holds); });
  };
  Classes classes;
  std::function<std::optional<int64_t>(const std::string&)> number;
  if (any(looks_like_number)) {
    number = whole;
  } else if (!any([](const std::string& field) { return !truth(field); })) {
    classes.names = {"false", "true"};
    number = truth;
  } else {
    std::set<std::string> names;
    for (const std::vector<std::string>& of_column : fields) names.insert(of_column.begin(), of_column.end());
    classes.names.assign(names.begin(), names.end());
    number = [&](const std::string& field) {
      return std::ranges::lower_bound(classes.names, field) - classes.names.begin();
    };
  }
  for (size_t c = 0; c < columns.size(); ++c) {
    std::vector<int64_t>& values = classes.values.emplace_back();
    for (size_t row = 0; row < fields[c].size(); ++row) {
      const std::optional<int64_t> value = number(fields[c][row]);
      if (!value) {
        throw refusal(columns[c], row,
                      fmt::format("expected a whole number from -2^63 to 2^63 - 1, found '{}'", fields[c][row]));
      }
      values.push_back(*value);
    }
  }
  return classes;
}

}  // namespace cprobe
