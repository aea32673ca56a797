#include "cprobe/data/position.h"

#include <fmt/format.h>

#include <optional>

#include "cprobe/core/number_text.h"

namespace cprobe {

std::string to_string(const Position& position) {
  return position.name.empty() ? std::to_string(position.index) : position.name;
}

std::string phrase_of(const Position& position) {
  return position.name.empty() ? fmt::format("position {}", position.index) : position.name;
}

Position position_of(const std::string& text) {
  const std::optional<int64_t> index = whole_number<int64_t>(text);
  return index ? Position(*index) : Position(text);
}

}  // namespace cprobe
