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
#include "cprobe/tokenizer/token_template.h"

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
///   - A space that the tokenizer put before the text covers no bytes, and neither do the special
///     tokens of its template.
///   - Bytes that no token covers were dropped.
struct Encoding {
  std::vector<int64_t> ids;
  std::vector<size_t> begin;
  std::vector<size_t> end;
  size_t n_before = 0;  ///< Tokens at the front that the template put there, and not the text.
};

/// Which special tokens of its template (`post_processor`) a tokenizer puts around a text.
enum class TemplateTokens {
  kNone,
  /// Those before the text, which is then a row that a model can go on with: behind an end-of-text
  /// token the next one would be that of another text. A text whose tokens begin with these
  /// already does not get them twice.
  kBefore,
  kAll,  ///< Those before and behind the text, as Hugging Face's tokenizers do by default.
};

/// A BPE tokenizer: byte-level as GPT-2, Llama 3 and SmolLM have, or SentencePiece's kind as Llama
/// 2, Mistral and Gemma have. Gives the ids that Hugging Face's tokenizers 0.20 to 0.22 give, and
/// `AutoTokenizer` of transformers 4.57. `load` refuses a tokenizer that this class could not
/// imitate exactly.
///
/// Cheap to copy, and safe to use from several threads. Takes about 190 bytes of memory a token.
class Tokenizer {
 public:
  /// Reads `tokenizer.json` of a folder or, if there is none, GPT-2's `vocab.json` and
  /// `merges.txt`.
  ///
  /// A tokenizer.json may have:
  ///   - model: BPE without dropout, prefix and suffix;
  ///   - normalizer: none, NFC, Prepend, Replace and sequences of these;
  ///   - pre_tokenizer: none, ByteLevel, Metaspace, Split, Digits and sequences of these;
  ///   - post_processor: none, TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing and
  ///     sequences of these;
  ///   - decoder: none, ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip and sequences of
  ///     these;
  ///   - added_tokens with all their flags;
  ///   - patterns as in tokenizer/regex_dialect.h.
  /// Ignored are truncation and padding, which do not take place here.
  ///
  /// Of tokenizer_config.json, special_tokens_map.json and added_tokens.json beside it, what
  /// changes ids is read as AutoTokenizer reads it (tokenizer/tokenizer_config.cc): special and
  /// added tokens, add_prefix_space, and, of classes that make their own template, add_bos_token
  /// and add_eos_token. A tokenizer_class is never inferred from the model's config.json.
  ///
  /// With vocab.json and merges.txt, `<|endoftext|>` is found in the text as a special token. Files
  /// tokenizer_config.json, special_tokens_map.json and added_tokens.json in the folder must agree:
  /// class GPT2Tokenizer, no prefix space, no other special token. With `add_bos_token: true`,
  /// `<|endoftext|>` is the template's token before the text.
  ///
  /// @throws Error (kInput) naming file, line and column: unreadable, an unsupported feature (by
  ///         its name), two tokens with one id, an id outside 0..2^31 - 1, a merge of tokens that
  ///         are not in the vocabulary, a merge twice, an added token whose id is not the one that
  ///         Hugging Face would give it; a tokenizer_class that is not known, a key that the
  ///         versions of transformers read differently.
  static Tokenizer load(const std::filesystem::path& folder);

  /// The tokenizer of a tokenizer.json that is in memory. @throws Error as `load`.
  static Tokenizer parse(const Document& tokenizer_json);

  /// The tokenizer of tokenizer.json alone, without the other files of its folder and without a
  /// template.
  Tokenizer without_config() const;

  /// The tokens of a text. Added tokens in the text become their own ids. Takes about 60 bytes of
  /// memory for each byte of the text while it works.
  /// @param text    UTF-8.
  /// @param around  special tokens beside the text's own.
  /// @throws Error (kInput) if the text is not UTF-8 (names the byte offset), or a pattern
  ///         backtracks without end on the text (names the pattern).
  Encoding encode(std::string_view text, TemplateTokens around = TemplateTokens::kNone) const;

  /// The tokens of a text that goes on behind another one. As `encode`, but the tokenizer puts no
  /// space before the text, and no template around it: " are" is one token of Llama 2.
  /// @throws Error as `encode`.
  std::vector<int64_t> encode_continuation(std::string_view text) const;

  /// Ids of the special tokens that the template puts before and behind a text.
  const TokenTemplate& token_template() const;

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

  /// One more than the largest id of tokenizer.json, added tokens included; ids may have holes.
  /// Tokens that only tokenizer_config.json adds may have larger ids, and models may lack these.
  int64_t size() const;

 private:
  explicit Tokenizer(TokenizerParts parts);
  Tokenizer(std::shared_ptr<const TokenizerParts> parts, std::shared_ptr<const TokenizerParts> file)
      : parts_(std::move(parts)), file_(std::move(file)) {}

  std::shared_ptr<const TokenizerParts> parts_;
  std::shared_ptr<const TokenizerParts> file_;  ///< Of tokenizer.json alone.
};

/// The id of a continuation that is a single token, such as " are"
/// (Tokenizer::encode_continuation).
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
