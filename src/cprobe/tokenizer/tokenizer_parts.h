#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/io/document.h"
#include "cprobe/tokenizer/added_tokens.h"
#include "cprobe/tokenizer/bpe.h"
#include "cprobe/tokenizer/pieces.h"
#include "cprobe/tokenizer/regex.h"

namespace cprobe {

/// Splits pieces at a pattern: the pre-tokenizers Split and Digits, and ByteLevel's own pattern.
struct SplitStep {
  Regex pattern;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;
};
struct PrefixSpaceStep {};
struct ByteSymbolStep {};
using PreTokenizerStep = std::variant<SplitStep, PrefixSpaceStep, ByteSymbolStep>;

enum class DecoderStep {
  kByteLevel,  ///< Turns symbols of the byte-level alphabet into bytes.
  kFuse,       ///< Joins all tokens into one.
};

/// The parts of a tokenizer, in the order in which a text passes through them.
struct TokenizerParts {
  std::string source;  ///< The file, for messages.
  AddedTokens added;
  bool nfc = false;
  std::vector<PreTokenizerStep> pre_tokenizer;
  Bpe model;
  bool has_decoder = false;  ///< Without a decoder, tokens are joined with spaces.
  std::vector<DecoderStep> decoder;
};

/// Reads a tokenizer.json. @throws Error (kInput) as Tokenizer::load.
TokenizerParts read_tokenizer_json(const Document& json);

/// Reads GPT-2's vocab.json and merges.txt. @throws Error (kInput) as Tokenizer::load.
TokenizerParts read_gpt2_files(const std::filesystem::path& folder);

/// Adds every token of a vocabulary, a map of tokens to ids. @throws Error (kInput) for an id that
/// is out of range or comes twice.
void read_vocabulary(const Document& vocab, Bpe& model);

/// The steps of the pre-tokenizer ByteLevel. @param where  its place, for messages.
std::vector<PreTokenizerStep> byte_level_steps(bool add_prefix_space, bool use_regex, const std::string& where);

/// Adds a merge.
/// @param place  makes an Error of a message and the place of the merge.
/// @throws Error (kInput) if a token is not in the vocabulary, or the merge was added before.
void add_merge(Bpe& model, std::string_view left, std::string_view right,
               const std::function<Error(std::string_view)>& place);

/// Adds a merge written as two tokens with one space between. Skips a line that begins with
/// #version, the header of a merges.txt. @throws Error (kInput) as add_merge, and for any other
/// line.
void add_merge_line(Bpe& model, std::string_view line, const std::function<Error(std::string_view)>& place);

}  // namespace cprobe
