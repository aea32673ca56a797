#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cprobe {

/// The candidate with the smallest edit distance (Levenshtein, in bytes) to `word`, the first of
/// several; empty if there are no candidates.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// `nearest`, unless more than half of the longer word would have to change. None without
/// candidates.
std::optional<std::string> similar(std::string_view word, std::span<const std::string> candidates);

/// `text` with some of its characters, all ASCII, replaced by texts.
std::string escaped(std::string_view text, std::initializer_list<std::pair<char, std::string_view>> replacements);

/// `text` without the spaces and tabs at its ends.
std::string_view trimmed(std::string_view text);

/// `text` with its ASCII letters in lower case.
std::string lowercase(std::string_view text);

/// A place in a text as editors show it.
struct TextPlace {
  size_t line = 1;    ///< From 1; lines end with "\n".
  size_t column = 1;  ///< From 1, in bytes.
};

/// The place of byte `offset` of `text`. An offset past the end means the end.
TextPlace place_of(std::string_view text, size_t offset);

}  // namespace cprobe
