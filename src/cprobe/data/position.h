#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace cprobe {

/// Which token of every row is probed: the token at an index, or the token that each row names.
struct Position {
  int64_t index = -1;     ///< From 0, or from the end if negative (-1: the last token).
  std::string name = {};  ///< Of TokenTrie::places; `index` is then -1 and unused. Empty: by index.

  Position() = default;
  Position(int64_t place) : index(place) {}  // NOLINT(*-explicit-*): an index is a position.
  explicit Position(std::string place) : name(std::move(place)) {}

  bool is_last() const { return name.empty() && index == -1; }

  friend auto operator<=>(const Position&, const Position&) = default;
};

/// "-1", "3", or the name, which no number is.
std::string to_string(const Position& position);
/// In a sentence: "position 3", or the name.
std::string phrase_of(const Position& position);
/// The position that `to_string` wrote.
Position position_of(const std::string& text);

/// A number or, of a name, a text.
template <typename Json>
void to_json(Json& json, const Position& position) {
  if (position.name.empty()) {
    json = position.index;
  } else {
    json = position.name;
  }
}
template <typename Json>
void from_json(const Json& json, Position& position) {
  position = json.is_string() ? Position(json.template get<std::string>()) : Position(json.template get<int64_t>());
}

}  // namespace cprobe
