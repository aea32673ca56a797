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

/// The finite number in a field, whole or not.
std::optional<double> real(std::string_view field) {
  double number = 0;
  if (field.starts_with('+')) field.remove_prefix(1);
  const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  const bool is_finite = error == std::errc() && stop == field.data() + field.size() && std::isfinite(number);
  return is_finite ? std::optional(number) : std::nullopt;
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

constexpr const char* kBinsHint = "; `task.bins: N` makes N classes of numbers";

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

/// Classes of numbers: where each but the first begins, and their names.
struct Quantiles {
  std::vector<double> begin;
  std::vector<std::string> names;

  int64_t class_of(double number) const { return std::ranges::upper_bound(begin, number) - begin.begin(); }
};

Quantiles quantiles(std::vector<double> numbers, int64_t n_classes, const FileColumn& column) {
  std::ranges::sort(numbers);
  Quantiles classes;
  for (int64_t k = 1; k < n_classes; ++k) {
    const double begin = numbers[static_cast<size_t>(k * std::ssize(numbers) / n_classes)];
    const double last = classes.begin.empty() ? numbers.front() : classes.begin.back();
    if (begin > last) classes.begin.push_back(begin);
  }
  if (classes.begin.empty()) {
    throw input_error("{}: column '{}': {} bins, but most of its numbers are {}", column.file->source(), column.name,
                      n_classes, number_text(numbers.front()));
  }
  classes.names.push_back("below " + number_text(classes.begin.front()));
  for (size_t i = 1; i < classes.begin.size(); ++i) {
    classes.names.push_back(
        fmt::format("{} to below {}", number_text(classes.begin[i - 1]), number_text(classes.begin[i])));
  }
  classes.names.push_back("from " + number_text(classes.begin.back()));
  return classes;
}

/// The number of classes that `bins` divides a column into; 0: not divided.
int64_t bins_of(const std::vector<FileColumn>& columns, const std::vector<std::vector<std::string>>& fields,
                const Bins& bins) {
  if (const auto own = bins.find(columns.front().name); own != bins.end()) return own->second;
  const auto all = bins.find("");
  if (all == bins.end()) return 0;
  bool is_whole = true;
  for (const std::vector<std::string>& of_column : fields) {
    if (!std::ranges::all_of(of_column, is_number)) return 0;
    is_whole = is_whole && std::ranges::all_of(of_column, is_whole_number);
  }
  return is_whole ? 0 : all->second;
}

}  // namespace

bool is_number(const std::string& field) {
  return real(field).has_value();
}

bool is_whole_number(const std::string& field) {
  return whole(field).has_value();
}

bool is_same_value(std::string_view field, std::string_view text) {
  const std::optional<int64_t> number = whole(trimmed(field));
  return trimmed(field) == trimmed(text) || (number && number == whole(trimmed(text)));
}

std::optional<int64_t> truth_of(std::string_view field) {
  const std::optional<int64_t> number = whole(trimmed(field));
  if (number) return *number == 0 || *number == 1 ? number : std::nullopt;
  return truth(trimmed(field));
}

Classes classes_of(const std::vector<FileColumn>& columns, const Bins& bins) {
  std::vector<std::vector<std::string>> fields;
  fields.reserve(columns.size());
  for (const FileColumn& column : columns) fields.push_back(fields_of(column));
  const auto any = [&](const auto& holds) {
    return std::ranges::any_of(fields, [&](const auto& of_column) { return std::ranges::any_of(of_column, holds); });
  };
  Classes classes;
  if (columns.empty()) return classes;
  const int64_t n_bins = bins_of(columns, fields, bins);
  std::optional<Quantiles> divided;
  if (n_bins > 0) {
    std::vector<double> numbers;
    for (size_t row = 0; row < fields.front().size(); ++row) {
      const std::optional<double> number = real(fields.front()[row]);
      if (!number) throw refusal(columns.front(), row, fmt::format("expected a number, found '{}'", fields[0][row]));
      numbers.push_back(*number);
    }
    divided = quantiles(std::move(numbers), n_bins, columns.front());
    classes.names = divided->names;
  }
  std::function<std::optional<int64_t>(const std::string&)> number;
  if (divided) {
    number = [&](const std::string& field) -> std::optional<int64_t> {
      const std::optional<double> value = real(field);
      return value ? std::optional(divided->class_of(*value)) : std::nullopt;
    };
  } else if (any(is_number)) {
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
                      divided ? fmt::format("expected a number, found '{}'", fields[c][row])
                              : fmt::format("expected a whole number from -2^63 to 2^63 - 1, found '{}'{}",
                                            fields[c][row], is_number(fields[c][row]) ? kBinsHint : ""));
      }
      values.push_back(*value);
    }
  }
  return classes;
}

}  // namespace cprobe
