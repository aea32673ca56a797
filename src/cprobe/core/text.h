#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cprobe {

/// The candidate with the smallest edit distance (Levenshtein, in bytes) to `word`, the first of
/// several; empty if there are no candidates.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// Whether `bytes` is well-formed UTF-8 (no overlong forms, surrogates or values over U+10FFFF).
bool is_utf8(std::string_view bytes);

/// The length in bytes of the longest well-formed prefix of `bytes`, which is the offset of the
/// first bad byte.
size_t utf8_prefix(std::string_view bytes);

/// A place in a text as editors show it.
struct TextPlace {
  size_t line = 1;    ///< From 1; lines end with "\n".
  size_t column = 1;  ///< From 1, in bytes.
};

/// The place of byte `offset` of `text`. An offset past the end means the end.
TextPlace place_of(std::string_view text, size_t offset);

}  // namespace cprobe
