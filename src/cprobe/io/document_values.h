#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cprobe/io/document.h"

/// Checked values of documents. All functions throw Error (kInput) with file, line and column.
namespace cprobe {

/// Converts the values of a list, or a scalar as a list of one. Refuses an empty list and a value
/// that comes twice.
template <typename Convert>
auto list_of(const Document& value, Convert convert) {
  std::vector<std::invoke_result_t<Convert, const Document&>> converted;
  for (const Document& item : value.items_or_self()) {
    converted.push_back(std::invoke(convert, item));
    // In a grid, two equal values would make one cell twice.
    if (std::ranges::count(converted, converted.back()) > 1) throw item.error("this value stands twice in the list");
  }
  if (converted.empty()) throw value.error("expected at least one value, found an empty list");
  return converted;
}

inline int64_t as_count(const Document& value, int64_t least) {
  const int64_t number = value.as_integer();
  if (number < least) throw value.error(fmt::format("expected a whole number of at least {}, found {}", least, number));
  return number;
}

inline double as_at_least(const Document& value, double least) {
  const double number = value.as_number();
  if (number < least) throw value.error(fmt::format("expected a number of at least {}, found {}", least, number));
  return number;
}

inline double as_positive(const Document& value) {
  const double number = value.as_number();
  if (number <= 0) throw value.error(fmt::format("expected a positive number, found {}", number));
  return number;
}

/// The option whose text form, by `to_string`, is the value.
template <typename Enum>
Enum choice(const Document& value, std::span<const Enum> options) {
  const std::string text = value.as_text();
  std::vector<std::string_view> names;
  for (const Enum option : options) {
    if (to_string(option) == text) return option;
    names.push_back(to_string(option));
  }
  throw value.error(fmt::format("'{}' is not one of {}", text, fmt::join(names, ", ")));
}

template <typename Enum, size_t n>
Enum choice(const Document& value, const std::array<Enum, n>& options) {
  return choice(value, std::span<const Enum>(options));
}
template <typename Enum>
Enum choice(const Document& value, std::initializer_list<Enum> options) {
  return choice(value, std::span<const Enum>(options.begin(), options.size()));
}

/// Calls `use` with the value of an optional key; does nothing if the key is absent or null.
template <typename Use>
void if_given(const Document& map, std::string_view key, Use use) {
  if (const Document* value = map.given(key)) use(*value);
}

}  // namespace cprobe
