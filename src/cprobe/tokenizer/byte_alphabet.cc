#include "cprobe/tokenizer/byte_alphabet.h"

#include <array>

#include "cprobe/core/utf8.h"

namespace cprobe {
namespace {

constexpr size_t kBytes = 256;
/// The character of the first byte that does not stand for itself.
constexpr char32_t kFirstMoved = 0x100;

bool stands_for_itself(size_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<std::string, kBytes> symbols;
  std::string moved;  ///< The bytes that do not stand for themselves, in ascending order.
};

Alphabet make_alphabet() {
  Alphabet alphabet;
  for (size_t byte = 0; byte < kBytes; ++byte) {
    char32_t symbol = static_cast<char32_t>(byte);
    if (!stands_for_itself(byte)) {
      symbol = kFirstMoved + static_cast<char32_t>(alphabet.moved.size());
      alphabet.moved += static_cast<char>(byte);
    }
    append_utf8(alphabet.symbols[byte], symbol);
  }
  return alphabet;
}

const Alphabet& alphabet() {
  static const Alphabet made = make_alphabet();
  return made;
}

}  // namespace

std::string_view byte_symbol(unsigned char byte) {
  return alphabet().symbols[byte];
}

std::optional<std::string> bytes_of_symbols(std::string_view text) {
  const std::string& moved = alphabet().moved;
  std::string bytes;
  for (size_t offset = 0; offset < text.size();) {
    const char32_t symbol = next_code_point(text, offset);
    if (symbol < kBytes && stands_for_itself(symbol)) {
      bytes += static_cast<char>(symbol);
    } else if (symbol >= kFirstMoved && symbol - kFirstMoved < moved.size()) {
      bytes += moved[symbol - kFirstMoved];
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

}  // namespace cprobe
