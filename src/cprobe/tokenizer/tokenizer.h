#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/io/document.h"

namespace cprobe {

struct TokenizerParts;

/// The tokens of a text. Token i is `ids[i]` and was made from bytes [begin[i], end[i]) of the text.
///
/// The bytes are exact: a token that is part of a character covers its bytes of it, a leading space belongs to its token
/// (Hugging Face's offsets widen to whole characters, and may leave the space out). Where normalisation changed the text,
/// a token covers the whole of each base character and its marks that it has a part of. A space that the tokenizer put
/// before the text covers nothing. Bytes that no token covers were dropped.
struct Encoding {
  std::vector<int64_t> ids;
  std::vector<size_t> begin;
  std::vector<size_t> end;
};

/// A byte-level (or character-level) BPE tokenizer, the kind that GPT-2, Llama 3 and SmolLM have, with the ids that Hugging
/// Face's tokenizers 0.20 gives. What it could not do exactly it refuses when it is loaded.
///
/// Cheap to copy, and safe to use from several threads. Holds about 190 bytes a token.
class Tokenizer {
 public:
  /// Reads `tokenizer.json`, or without one GPT-2's `vocab.json` and `merges.txt`, of a folder.
  ///
  /// tokenizer.json: model BPE without byte_fallback, dropout, prefix and suffix; normaliser none or NFC; pre-tokenizers
  /// ByteLevel, Split, Digits and sequences of them; decoder none, ByteLevel or Fuse; added tokens with all their flags;
  /// patterns as in data/regex_dialect.h. Truncation, padding and the post-processor, which adds special tokens at the
  /// ends and trims offsets, are not looked at: none of it happens here. Nor is tokenizer_config.json.
  ///
  /// vocab.json and merges.txt: `<|endoftext|>` is found in the text as a special token. tokenizer_config.json,
  /// special_tokens_map.json and added_tokens.json beside them may say no more than that.
  ///
  /// @throws Error (kInput) naming file, line and column: unreadable, a feature that is not supported (by its name), two
  ///         tokens with one id, an id outside 0..2^31 - 1, a merge of tokens that are not in the vocabulary, a merge
  ///         twice, an added token whose id is not the one Hugging Face would give it.
  static Tokenizer load(const std::filesystem::path& folder);

  /// The tokenizer of a tokenizer.json that was read already.
  static Tokenizer parse(const Document& tokenizer_json);

  /// No special tokens are added at the ends; added tokens in the text become their own ids.
  ///
  /// Takes about 60 bytes of memory for each byte of the text while it works.
  ///
  /// @param text UTF-8.
  /// @throws Error (kInput) if the text is not UTF-8 (names the byte offset), or a pattern backtracks without end on it
  ///         (names the pattern).
  Encoding encode(std::string_view text) const;

  /// The text of the tokens, special ones included; bytes that are not UTF-8 together become U+FFFD. Without a decoder
  /// (tokenizer.json's `decoder` is null) the tokens themselves, with spaces between, as Hugging Face does.
  /// @throws Error (kInput) for an id that is not in the vocabulary.
  std::string decode(std::span<const int64_t> ids) const;

  /// The token as the vocabulary has it, in the byte-level alphabet ("Ġthe"); of an added token its content.
  /// @throws Error (kInput) for an id that is not in the vocabulary.
  const std::string& token(int64_t id) const;

  /// Whether a token has the id.
  bool has(int64_t id) const;

  /// The id of a token as the vocabulary has it; nothing if there is none.
  std::optional<int64_t> find(std::string_view token) const;

  /// One more than the largest id, added tokens included; ids may have holes.
  int64_t size() const;

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const TokenizerParts> parts_;
};

/// The id of a text that is a single token, such as " are".
/// @param where   who asks for it, for the message ("task 'agreement'"); may be empty.
/// @throws Error (kInput) if it is none or several, as a next token cannot be.
int64_t single_token(const Tokenizer& tokenizer, std::string_view text, std::string_view where = "");

/// Tokens [first, last) of an encoding.
struct TokenSpan {
  size_t first = 0;
  size_t last = 0;
};

/// The tokens from the first to the last that covers any of the bytes [begin, end) of the text, so that a word's label can
/// be put on its last token; first == last if none does. One pass over the tokens.
TokenSpan tokens_covering(const Encoding& encoding, size_t begin, size_t end);

/// The byte at which character `index` (from 0, counted in code points) of a text begins; the text's length for one past
/// the last character. Turns the character positions of other tools into the bytes that Encoding speaks of.
/// @throws Error (kInput) if the text is not UTF-8 or has fewer characters.
size_t byte_of_character(std::string_view text, size_t index);

}  // namespace cprobe
