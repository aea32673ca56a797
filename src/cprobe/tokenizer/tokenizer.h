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

/// The tokens of a text. Token i is `ids[i]` and was made from bytes [begin[i], end[i]) of the
/// text.
///
/// The bytes are exact:
///   - A token that is part of a character covers only its own bytes of that character. (Hugging
///     Face's offsets widen to whole characters.)
///   - A leading space belongs to its token. (Hugging Face's offsets may leave the space out.)
///   - Where normalisation changed the text, a token covers every base character, marks included,
///     that it has a part of.
///   - A space that the tokenizer put before the text covers no bytes.
///   - Bytes that no token covers were dropped.
struct Encoding {
  std::vector<int64_t> ids;
  std::vector<size_t> begin;
  std::vector<size_t> end;
};

/// A byte-level (or character-level) BPE tokenizer, as GPT-2, Llama 3 and SmolLM have. Gives the
/// ids that Hugging Face's tokenizers 0.20 gives. `load` refuses a tokenizer that this class could
/// not imitate exactly.
///
/// Cheap to copy, and safe to use from several threads. Takes about 190 bytes of memory a token.
class Tokenizer {
 public:
  /// Reads `tokenizer.json` of a folder or, if there is none, GPT-2's `vocab.json` and
  /// `merges.txt`.
  ///
  /// A tokenizer.json may have:
  ///   - model: BPE without byte_fallback, dropout, prefix and suffix;
  ///   - normalizer: none, NFC and sequences of NFC;
  ///   - pre_tokenizer: none, ByteLevel, Split, Digits and sequences of these;
  ///   - decoder: none, ByteLevel, Fuse and sequences of these;
  ///   - added_tokens with all their flags;
  ///   - patterns as in tokenizer/regex_dialect.h.
  ///
  /// Ignored are tokenizer_config.json, truncation, padding and the post-processor (which adds
  /// special tokens at the ends and trims offsets): none of these takes place here.
  ///
  /// With vocab.json and merges.txt, `<|endoftext|>` is found in the text as a special token. Files
  /// tokenizer_config.json, special_tokens_map.json and added_tokens.json in the folder must agree:
  /// class GPT2Tokenizer, no prefix space, no other special token.
  ///
  /// @throws Error (kInput) naming file, line and column: unreadable, an unsupported feature (by
  ///         its name), two tokens with one id, an id outside 0..2^31 - 1, a merge of tokens that
  ///         are not in the vocabulary, a merge twice, an added token whose id is not the one that
  ///         Hugging Face would give it.
  static Tokenizer load(const std::filesystem::path& folder);

  /// The tokenizer of a tokenizer.json that is in memory. @throws Error as `load`.
  static Tokenizer parse(const Document& tokenizer_json);

  /// The tokens of a text. Added tokens in the text become their own ids. No special tokens are
  /// added at the ends. Takes about 60 bytes of memory for each byte of the text while it works.
  /// @param text  UTF-8.
  /// @throws Error (kInput) if the text is not UTF-8 (names the byte offset), or a pattern
  ///         backtracks without end on the text (names the pattern).
  Encoding encode(std::string_view text) const;

  /// The text of the tokens, special ones included. Bytes that are not UTF-8 together become
  /// U+FFFD. Without a decoder (`decoder` is null in tokenizer.json), the text is the tokens
  /// themselves with spaces between, as in Hugging Face's implementation.
  /// @throws Error (kInput) for an id that no token has.
  std::string decode(std::span<const int64_t> ids) const;

  /// The token as the vocabulary writes it, in the byte-level alphabet ("Ġthe"); the content of an
  /// added token.
  /// @throws Error (kInput) for an id that no token has.
  const std::string& token(int64_t id) const;

  /// Whether a token has the id.
  bool has(int64_t id) const;

  /// The id of a token as the vocabulary writes it; nothing if there is no such token.
  std::optional<int64_t> find(std::string_view token) const;

  /// One more than the largest id, added tokens included; ids may have holes.
  int64_t size() const;

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const TokenizerParts> parts_;
};

/// The id of a text that is a single token, such as " are".
/// @param where  who needs the token, for the message ("task 'agreement'"); may be empty.
/// @throws Error (kInput) if the text is no token or several, and so cannot be the next token.
int64_t single_token(const Tokenizer& tokenizer, std::string_view text, std::string_view where = "");

/// Tokens [first, last) of an encoding.
struct TokenSpan {
  size_t first = 0;
  size_t last = 0;
};

/// The tokens from the first to the last that cover any of the bytes [begin, end) of the text;
/// first == last if none does. Finds, for example, the last token of a word, which can bear the
/// word's label. Takes one pass over the tokens.
TokenSpan tokens_covering(const Encoding& encoding, size_t begin, size_t end);

/// The byte at which character `index` of a text begins; the text's length for the index after the
/// last character. Turns the character positions of other tools into the bytes of an Encoding.
/// @param index  from 0, counted in code points.
/// @throws Error (kInput) if the text is not UTF-8 or has fewer characters.
size_t byte_of_character(std::string_view text, size_t index);

}  // namespace cprobe
