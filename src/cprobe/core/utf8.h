#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cprobe {

/// Whether `bytes` is well-formed UTF-8 (no overlong forms, surrogates or values over U+10FFFF).
bool is_utf8(std::string_view bytes);

/// The length in bytes of the longest well-formed prefix of `bytes`, which is the offset of the
/// first bad byte.
size_t utf8_prefix(std::string_view bytes);

/// The code point at byte `offset` of well-formed UTF-8 text. Moves `offset` behind the code point.
char32_t next_code_point(std::string_view text, size_t& offset);

/// The offset of the code point that ends before byte `end` (above 0) of well-formed UTF-8 text.
size_t previous_begin(std::string_view text, size_t end);

/// Appends a code point (at most U+10FFFF, no surrogate) as UTF-8.
void append_utf8(std::string& text, char32_t code_point);

/// Replaces whatever is not UTF-8 in `bytes` by U+FFFD, one for each longest run of bytes that
/// begins a character without completing it (Unicode 15, section 3.9, "U+FFFD Substitution of
/// Maximal Subparts"). Python's `decode(errors="replace")` and Rust's `from_utf8_lossy` do so.
std::string replace_invalid_utf8(std::string_view bytes);

}  // namespace cprobe
