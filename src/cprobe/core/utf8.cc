#include "cprobe/core/utf8.h"

namespace cprobe {
namespace {

unsigned byte_at(std::string_view text, size_t offset) {
  return static_cast<unsigned char>(text[offset]);
}

bool is_continuation(unsigned byte) {
  return (byte & 0xC0U) == 0x80U;
}

size_t encoded_length(unsigned lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xE0) return 2;
  return lead < 0xF0 ? 3 : 4;
}

/// Whether `second` may follow `lead` in well-formed UTF-8 (Unicode 15, table 3-7).
bool may_follow(unsigned lead, unsigned second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return lead >= 0xC2 && lead <= 0xF4 && is_continuation(second);
  }
}

/// The beginning of a text: its first character or, if that is ill-formed, the bytes that one
/// U+FFFD replaces.
struct FirstCharacter {
  size_t length = 1;
  bool is_well_formed = false;
};

/// @param bytes  not empty.
FirstCharacter first_character(std::string_view bytes) {
  const unsigned lead = byte_at(bytes, 0);
  if (lead < 0x80) return {.length = 1, .is_well_formed = true};
  if (bytes.size() < 2 || !may_follow(lead, byte_at(bytes, 1))) return {};
  size_t length = 2;
  while (length < encoded_length(lead) && length < bytes.size() && is_continuation(byte_at(bytes, length))) ++length;
  return {.length = length, .is_well_formed = length == encoded_length(lead)};
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  return utf8_prefix(bytes) == bytes.size();
}

size_t utf8_prefix(std::string_view bytes) {
  size_t offset = 0;
  while (offset < bytes.size()) {
    const FirstCharacter first = first_character(bytes.substr(offset));
    if (!first.is_well_formed) break;
    offset += first.length;
  }
  return offset;
}

char32_t next_code_point(std::string_view text, size_t& offset) {
  const unsigned lead = byte_at(text, offset);
  const size_t length = encoded_length(lead);
  // The lead byte of a character of n > 1 bytes keeps 7 - n bits.
  char32_t code_point = length == 1 ? lead : lead & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) code_point = code_point << 6U | (byte_at(text, offset + i) & 0x3FU);
  offset += length;
  return code_point;
}

size_t previous_begin(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && is_continuation(byte_at(text, begin))) --begin;
  return begin;
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto append = [&text](char32_t byte) { text += static_cast<char>(byte); };
  const auto append_continuation = [&](char32_t bits) { append(0x80U | (bits & 0x3FU)); };
  if (code_point < 0x80) return append(code_point);
  if (code_point < 0x800) {
    append(0xC0U | code_point >> 6U);
  } else if (code_point < 0x10000) {
    append(0xE0U | code_point >> 12U);
  } else {
    append(0xF0U | code_point >> 18U);
    append_continuation(code_point >> 12U);
  }
  if (code_point >= 0x800) append_continuation(code_point >> 6U);
  append_continuation(code_point);
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t valid = utf8_prefix(bytes);
    text += bytes.substr(0, valid);
    bytes.remove_prefix(valid);
    if (bytes.empty()) break;
    append_utf8(text, 0xFFFD);
    bytes.remove_prefix(first_character(bytes).length);
  }
  return text;
}

}  // namespace cprobe
