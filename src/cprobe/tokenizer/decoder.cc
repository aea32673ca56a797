#include "cprobe/tokenizer/decoder.h"

#include "cprobe/core/utf8.h"
#include "cprobe/tokenizer/bpe.h"
#include "cprobe/tokenizer/byte_alphabet.h"

namespace cprobe {
namespace {

std::vector<char32_t> characters_of(std::string_view text) {
  std::vector<char32_t> characters;
  for (size_t offset = 0; offset < text.size();) characters.push_back(next_code_point(text, offset));
  return characters;
}

/// Runs a step of the decoder on all tokens.
struct RunDecoderStep {
  std::vector<std::string>& tokens;

  /// A token with a character outside the alphabet stands for itself.
  void operator()(const DecodeByteSymbols&) const {
    std::string bytes;
    for (const std::string& token : tokens) bytes += bytes_of_symbols(token).value_or(token);
    tokens = {replace_invalid_utf8(bytes)};
  }

  /// A run of bytes that is not UTF-8 becomes one U+FFFD for each byte.
  void operator()(const DecodeByteTokens&) const {
    std::vector<std::string> result;
    std::string bytes;
    const auto finish_run = [&] {
      if (is_utf8(bytes)) {
        if (!bytes.empty()) result.push_back(bytes);
      } else {
        result.insert(result.end(), bytes.size(), "\uFFFD");
      }
      bytes.clear();
    };
    for (const std::string& token : tokens) {
      if (const std::optional<unsigned char> byte = byte_of_token(token)) {
        bytes += static_cast<char>(*byte);
        continue;
      }
      finish_run();
      result.push_back(token);
    }
    finish_run();
    tokens = std::move(result);
  }

  void operator()(const FuseTokens&) const {
    std::string text;
    for (const std::string& token : tokens) text += token;
    tokens = {text};
  }

  void operator()(const ReplaceInTokens& step) const {
    for (std::string& token : tokens) {
      std::string text;
      size_t done = 0;
      for (const TextRange& match : step.pattern.matches(token)) {
        text.append(token, done, match.begin - done).append(step.content);
        done = match.end;
      }
      token = text.append(token, done);
    }
  }

  void operator()(const StripTokens& step) const {
    for (std::string& token : tokens) {
      const std::vector<char32_t> characters = characters_of(token);
      size_t first = 0, last = characters.size();
      for (int64_t i = 0; i < step.start && first < last && characters[first] == step.character; ++i) ++first;
      for (int64_t i = 0; i < step.stop && first < last && characters[last - 1] == step.character; ++i) --last;
      token.clear();
      for (size_t i = first; i < last; ++i) append_utf8(token, characters[i]);
    }
  }

  void operator()(const DecodeMetaspace& step) const {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string text;
      for (const char32_t character : characters_of(tokens[i])) {
        if (character != step.replacement) {
          append_utf8(text, character);
        } else if (i > 0 || !step.drops_first) {
          text += ' ';
        }
      }
      tokens[i] = std::move(text);
    }
  }
};

}  // namespace

std::vector<std::string> decoded(std::vector<std::string> tokens, const std::vector<DecoderStep>& steps) {
  for (const DecoderStep& step : steps) std::visit(RunDecoderStep{tokens}, step);
  return tokens;
}

}  // namespace cprobe
