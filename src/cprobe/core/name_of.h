#pragma once

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <string_view>

namespace cprobe {

/// The text of a value of an enum class. @param names  of all values, in their order.
template <typename Enum>
constexpr std::string_view name_of(Enum value, std::initializer_list<std::string_view> names) {
  return std::data(names)[static_cast<size_t>(value)];
}

}  // namespace cprobe
