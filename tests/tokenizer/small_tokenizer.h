/// A tokenizer small enough to work out by hand: all bytes, and few merges.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/tokenizer/byte_alphabet.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe::testing {

constexpr std::string_view kByteLevel =
    R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true})";
/// A pre-tokenizer that turns bytes into symbols, without splitting.
constexpr std::string_view kByteSymbols =
    R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})";

/// Entries `"token": id` of the 256 bytes, except those in `without`, and of ab (256), bc (257),
/// abc (258) and Ġa (259).
inline std::string small_vocabulary(std::string_view without = "") {
  std::string vocab = "{";
  for (size_t byte = 0; byte < 256; ++byte) {
    if (without.find(static_cast<char>(byte)) != std::string_view::npos) continue;
    const std::string escape = byte == '"' || byte == '\\' ? "\\" : "";
    vocab += fmt::format("\"{}{}\": {}, ", escape, byte_symbol(static_cast<unsigned char>(byte)), byte);
  }
  return vocab + R"("ab": 256, "bc": 257, "abc": 258, "Ġa": 259})";
}

/// A tokenizer.json; each part is JSON text.
struct SmallTokenizer {
  std::string vocab = small_vocabulary();
  std::string merges = R"(["Ġ a", "b c", ["a", "b"], "ab c"])";
  std::string model;  ///< More keys of the model, such as `, "ignore_merges": true`.
  std::string added_tokens = "[]";
  std::string normalizer = "null";
  std::string pre_tokenizer = std::string(kByteLevel);
  std::string decoder = std::string(kByteLevel);

  std::string json() const {
    return fmt::format(
        "{{\"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n\"added_tokens\": {},\n\"normalizer\": {},\n"
        "\"pre_tokenizer\": {},\n\"post_processor\": null, \"decoder\": {},\n\"model\": {{\"type\": \"BPE\"{}, "
        "\"merges\": "
        "{},\n\"vocab\": {}}}}}",
        added_tokens, normalizer, pre_tokenizer, decoder, model, merges, vocab);
  }
  Tokenizer make() const { return Tokenizer::parse(Document::parse_json(json(), "tokenizer.json")); }
};

/// A tokenizer that knows the bytes and the given words, each with a space in front. A word is one
/// token, and so is every beginning of a word.
inline SmallTokenizer word_tokenizer(const std::vector<std::string>& words) {
  std::string vocab = small_vocabulary(), merges = "[";
  vocab.pop_back();
  std::set<std::string> known = {"Ġa"};
  for (const std::string& word : words) {
    std::string token = "Ġ";
    for (const char letter : word) {
      const std::string merge = fmt::format("\"{} {}\"", token, letter);
      token += letter;
      if (merges.find(merge) == std::string::npos) merges += (merges == "[" ? "" : ", ") + merge;
      if (known.insert(token).second) vocab += fmt::format(", \"{}\": {}", token, 258 + known.size());
    }
  }
  return {.vocab = vocab + "}", .merges = merges + "]"};
}

/// An entry of `added_tokens`. The flags in `flags` are true.
inline std::string added_token(int64_t id, std::string_view content, const std::vector<std::string>& flags = {}) {
  std::string token = fmt::format(R"({{"id": {}, "content": "{}")", id, content);
  for (const std::string name : {"single_word", "lstrip", "rstrip", "normalized", "special"}) {
    const bool on = std::find(flags.begin(), flags.end(), name) != flags.end();
    token += fmt::format(R"(, "{}": {})", name, on);
  }
  return token + "}";
}

/// The tokens of a text.
inline std::vector<std::string> tokens_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> tokens;
  for (const int64_t id : tokenizer.encode(text).ids) tokens.push_back(tokenizer.token(id));
  return tokens;
}

/// The bytes of the text that each token covers.
inline std::vector<std::string> covered(const Tokenizer& tokenizer, const std::string& text) {
  const Encoding encoding = tokenizer.encode(text);
  std::vector<std::string> parts;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    parts.push_back(text.substr(encoding.begin[i], encoding.end[i] - encoding.begin[i]));
  }
  return parts;
}

}  // namespace cprobe::testing
