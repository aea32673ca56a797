#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/io/document.h"
#include "cprobe/tokenizer/added_tokens.h"
#include "cprobe/tokenizer/bpe.h"
#include "cprobe/tokenizer/decoder.h"
#include "cprobe/tokenizer/normalizer.h"
#include "cprobe/tokenizer/pieces.h"
#include "cprobe/tokenizer/regex.h"
#include "cprobe/tokenizer/token_template.h"

namespace cprobe {

/// Splits pieces at a pattern: the pre-tokenizers Split and Digits, and the patterns of ByteLevel
/// and Metaspace.
struct SplitStep {
  Regex pattern;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;
};
/// Puts a space before pieces: ByteLevel as " ", Metaspace as its replacement.
struct PrefixSpaceStep {
  std::string space;
  Prepend which = Prepend::kUnlessThere;
};
struct ByteSymbolStep {};
/// Metaspace's first step is a ReplaceStep.
using PreTokenizerStep = std::variant<SplitStep, PrefixSpaceStep, ReplaceStep, ByteSymbolStep>;

/// The parts of a tokenizer, in the order in which a text passes through them. Cheap to copy.
struct TokenizerParts {
  std::string source;  ///< The file, for messages.
  AddedTokens added;
  Normalizer normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;
  bool is_byte_level = false;  ///< The pre-tokenizer is ByteLevel itself, and no sequence.
  std::shared_ptr<const Bpe> model;
  TokenTemplate around;      ///< What is put around the model's tokens.
  bool has_decoder = false;  ///< Without a decoder, tokens are joined with spaces.
  std::vector<DecoderStep> decoder;
};

/// Reads a tokenizer.json. @throws Error (kInput) as Tokenizer::load.
TokenizerParts read_tokenizer_json(const Document& json);

/// Changes the parts of a tokenizer.json as `AutoTokenizer` of transformers 4 does for what else is
/// in the folder: tokenizer_config.json, special_tokens_map.json, added_tokens.json. Does nothing
/// if none of these exists.
/// @throws Error (kInput) naming file and key, as Tokenizer::load.
void apply_tokenizer_config(const std::filesystem::path& folder, TokenizerParts& parts);

/// Whether a normaliser or pre-tokenizer puts a space before the text.
bool has_prefix_space(const TokenizerParts& parts);

/// Reads GPT-2's vocab.json and merges.txt. @throws Error (kInput) as Tokenizer::load.
TokenizerParts read_gpt2_files(const std::filesystem::path& folder);

/// Adds every token of a vocabulary, a map of tokens to ids. @throws Error (kInput) for an id that
/// is out of range or comes twice.
void read_vocabulary(const Document& vocab, Bpe& model);

/// Refuses the id that a file gives to an added token, unless the token has this id.
/// @param place  of the id in the file.
/// @throws Error (kInput) also if the id is another token's in the model.
void require_added_id(const AddedTokens& added, const Bpe& model, const std::string& content, int64_t written,
                      const Document& place);

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
