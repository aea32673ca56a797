#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cprobe {

/// GPT-2's byte-level alphabet: one printable character for each byte, so that a vocabulary of byte
/// sequences can be written as text. The 188 bytes that are printable in Latin-1 (0x21-0x7E,
/// 0xA1-0xAC, 0xAE-0xFF) stand for themselves. The others, in ascending order, are U+0100, U+0101,
/// ...: a space is U+0120 (shown as "Ġ"), a line feed U+010A ("Ċ").
///
/// The character of `byte` as UTF-8, of one or two bytes.
std::string_view byte_symbol(unsigned char byte);

/// The bytes that `text` stands for; nothing if a character of `text` is outside the alphabet.
/// @param text  well-formed UTF-8.
std::optional<std::string> bytes_of_symbols(std::string_view text);

}  // namespace cprobe
