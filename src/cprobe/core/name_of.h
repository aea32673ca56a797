#pragma once

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <string_view>

#include "cprobe/core/error.h"

namespace cprobe {

/// The text of a value of an enum class.
/// @param names   of all values, in their order.
/// @throws Error  (kFailed) if the value has no name.
template <typename Enum>
constexpr std::string_view name_of(Enum value, std::initializer_list<std::string_view> names) {
  const auto place = static_cast<size_t>(value);
  if (place >= names.size()) throw failure("value {} of an enumeration has no name", place);
  return std::data(names)[place];
}

}  // namespace cprobe
