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

/// The texts that a command line means: the text itself, or for "-" every JSON string on stdin, one a line.
/// @throws Error (kInput) naming the line of stdin that is no JSON string.
std::vector<std::string> texts_of(const std::string& text);

/// Texts for a model to continue, and next tokens that somebody asks about.
struct TextsToContinue {
  std::filesystem::path folder;  ///< Of the tokenizer and the model.
  Tokenizer tokenizer;
  std::vector<std::vector<int64_t>> rows;  ///< Tokens of each text, at least one.
  std::vector<std::string> continuations;
  std::vector<int64_t> continuation_ids;
};

/// @param text as texts_of. @param continuations texts of a single token each.
/// @throws Error (kInput) for a text without tokens, or a continuation of several.
TextsToContinue read_texts(const std::filesystem::path& folder, const std::string& text,
                           const std::vector<std::string>& continuations);

struct NextToken {
  int64_t id = 0;
  std::string token;  ///< As the vocabulary has it, or "[id]" for one that the tokenizer does not know.
  double logit = 0;
  double probability = 0;
};

/// What a model says next after one text.
struct NextTokens {
  std::vector<NextToken> top;  ///< The ten likeliest, or the whole vocabulary where it is smaller.
  std::vector<NextToken> of;   ///< The continuations asked about, in order.
};

/// @param masks of the model's components; none: the model as it is. @return one for each text.
/// @throws Error (kInput) for a text longer than the context, or a tokenizer with more tokens than the model embeds.
std::vector<NextTokens> next_tokens(const Model& model, const TextsToContinue& texts,
                                    const std::map<ComponentRef, ComponentMask>& masks = {});

/// {"top": [{"id", "token", "logit", "probability"}, ...], "of": {" is": logit}, "of_probability": {" is": probability}}
nlohmann::ordered_json next_tokens_json(const NextTokens& next, const TextsToContinue& texts);

}  // namespace cprobe
