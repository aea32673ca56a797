/// A tokenizer small enough to work out by hand: all bytes, and few merges.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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
  std::string post_processor = "null";
  std::string decoder = std::string(kByteLevel);

  std::string json() const {
    return fmt::format(
        "{{\"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n\"added_tokens\": {},\n\"normalizer\": {},\n"
        "\"pre_tokenizer\": {},\n\"post_processor\": {}, \"decoder\": {},\n\"model\": {{\"type\": \"BPE\"{}, "
        "\"merges\": "
        "{},\n\"vocab\": {}}}}}",
        added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model, merges, vocab);
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

/// A post-processor that puts special tokens before and behind a text; each is a token and its id.
inline std::string token_template(const std::vector<std::pair<std::string, int64_t>>& before,
                                  const std::vector<std::pair<std::string, int64_t>>& behind = {}) {
  const auto one = [](const std::string& token) {
    return fmt::format(R"({{"SpecialToken": {{"id": "{}", "type_id": 0}}}})", token);
  };
  std::vector<std::string> single, tokens;
  for (const auto& [token, id] : before) single.push_back(one(token));
  single.emplace_back(R"({"Sequence": {"id": "A", "type_id": 0}})");
  for (const auto& [token, id] : behind) single.push_back(one(token));
  for (const auto* some : {&before, &behind}) {
    for (const auto& [token, id] : *some) {
      tokens.push_back(fmt::format(R"("{0}": {{"id": "{0}", "ids": [{1}], "tokens": ["{0}"]}})", token, id));
    }
  }
  return fmt::format(R"({{"type": "TemplateProcessing", "single": [{0}], "pair": [], "special_tokens": {{{1}}}}})",
                     fmt::join(single, ", "), fmt::join(tokens, ", "));
}

/// A SentencePiece-style tokenizer: letters a to d, the words "▁ab" and "▁is", all bytes, and
/// `<unk>`, `<s>`, `</s>` as 0 to 2. `<s>` is put before a text.
inline SmallTokenizer piece_tokenizer() {
  std::string vocab = R"({"<unk>": 0, "<s>": 1, "</s>": 2)";
  for (int byte = 0; byte < 256; ++byte) vocab += fmt::format(R"(, "<0x{:02X}>": {})", byte, 3 + byte);
  return {
      .vocab = vocab + R"(, "▁": 259, "a": 260, "b": 261, "c": 262, "d": 263, "i": 264, "s": 265, "▁a": 266,
"▁ab": 267, "▁i": 268, "▁is": 269})",
      .merges = R"(["▁ a", "▁a b", "▁ i", "▁i s"])",
      .model = R"(, "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true)",
      .added_tokens = "[" + added_token(0, "<unk>", {"special"}) + "," + added_token(1, "<s>", {"special"}) + "," +
                      added_token(2, "</s>", {"special"}) + "]",
      .normalizer = R"({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})",
      .pre_tokenizer = "null",
      .post_processor = token_template({{"<s>", 1}}),
      .decoder = R"({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})"};
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
