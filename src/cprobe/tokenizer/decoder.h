#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "cprobe/tokenizer/regex.h"

namespace cprobe {

/// Turns symbols of the byte-level alphabet into bytes, of all tokens together.
struct DecodeByteSymbols {};
/// Turns runs of tokens such as `<0x0A>` into the characters of these bytes.
struct DecodeByteTokens {};
/// Joins all tokens into one.
struct FuseTokens {};
/// Puts a text in place of every match.
struct ReplaceInTokens {
  Regex pattern;
  std::string content;
};
/// Cuts a character off the ends of every token.
struct StripTokens {
  char32_t character = 0;
  int64_t start = 0;  ///< How many at the start, at most.
  int64_t stop = 0;   ///< How many at the end, at most.
};
/// Turns a character into a space, or into nothing in the first token.
struct DecodeMetaspace {
  char32_t replacement = 0;
  bool drops_first = false;
};
using DecoderStep =
    std::variant<DecodeByteSymbols, DecodeByteTokens, FuseTokens, ReplaceInTokens, StripTokens, DecodeMetaspace>;

/// The texts that a tokenizer's decoder makes of tokens; put together, these are the text.
/// @throws Error as Regex::matches.
std::vector<std::string> decoded(std::vector<std::string> tokens, const std::vector<DecoderStep>& steps);

}  // namespace cprobe
