#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace cprobe {

/// The whole number that all of `text` is, such as "-12"; none if `text` is anything else, or the
/// number is out of range.
template <typename Integer>
std::optional<Integer> whole_number(std::string_view text) {
  Integer number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

/// A number as Python prints it: the shortest text that reads back equal. Whole values end in ".0".
std::string number_text(double value);

}  // namespace cprobe
