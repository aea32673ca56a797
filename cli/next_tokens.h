#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cprobe/model/forward.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {

/// The texts that an argument stands for: the argument itself or, for "-", the JSON strings on
/// stdin, one per line.
/// @throws Error (kInput) naming the line of stdin that is no JSON string.
std::vector<std::string> texts_of(const std::string& text);

/// Texts for a model to continue, and next tokens to show besides the likeliest.
struct TextsToContinue {
  std::filesystem::path folder;  ///< Holds the tokenizer and the model.
  Tokenizer tokenizer;
  /// Tokens of each text, behind those that the tokenizer's template puts before it. At least one
  /// per text.
  std::vector<std::vector<int64_t>> rows;
  std::vector<std::string> continuations;  ///< Texts of a single token each.
  std::vector<int64_t> continuation_ids;   ///< The tokens of `continuations`.
};

/// Reads and tokenizes the texts of a command line.
/// @param text           as in `texts_of`.
/// @param continuations  texts of a single token each.
/// @param around         kBefore or kNone.
/// @throws Error (kInput) as `texts_of` and `Tokenizer::load`, for a text without tokens, or for a
///         continuation that is not a single token.
TextsToContinue read_texts(const std::filesystem::path& folder, const std::string& text,
                           const std::vector<std::string>& continuations, TemplateTokens around);

struct NextToken {
  int64_t id = 0;
  std::string token;  ///< As in the vocabulary, or "[id]" if the tokenizer lacks the id.
  double logit = 0;
  double probability = 0;
};

/// The next tokens that a model predicts after one text.
struct NextTokens {
  std::vector<NextToken> top;  ///< The ten likeliest, or all of a smaller vocabulary.
  std::vector<NextToken> of;   ///< The continuations, in order.
};

/// The next tokens after each text.
/// @param masks  masks of the model's components. Empty: the untouched model.
/// @return       one entry per text.
/// @throws Error (kInput) for a text longer than the context, a tokenizer with more tokens than
///         the model embeds, or a text with a token that the model does not embed.
std::vector<NextTokens> next_tokens(const Model& model, const TextsToContinue& texts,
                                    const std::map<ComponentRef, ComponentMask>& masks = {});

/// One object:
///
///     {"top": [{"id", "token", "logit", "probability"}, ...],
///      "of": {" is": logit}, "of_probability": {" is": probability}}
nlohmann::ordered_json next_tokens_json(const NextTokens& next, const TextsToContinue& texts);

}  // namespace cprobe
