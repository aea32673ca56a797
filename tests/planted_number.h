/// A language model in which one attention block carries the number of a noun to the verb.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "cprobe/model/model.h"
#include "tests/mean_attention.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe::testing {

/// Nouns as singular and plural, each one token of `number_tokenizer`.
inline std::vector<std::pair<std::string, std::string>> number_nouns() {
  return {{"cat", "cats"}, {"dog", "dogs"}, {"fox", "foxes"}, {"hen", "hens"}, {"owl", "owls"}, {"pig", "pigs"}};
}

inline SmallTokenizer number_tokenizer() {
  std::vector<std::string> words = {"are", "is"};
  for (const auto& [singular, plural] : number_nouns()) words.insert(words.end(), {singular, plural});
  return word_tokenizer(words);
}

/// Says " are" after sentences with a plural noun, and " is" after those with a singular.
///   - A noun's embedding is the direction of its number plus that of its stem; other tokens are 0.
///   - Attention takes the mean over all tokens, and the MLP is empty: number and stem reach the
///     last token through attention alone.
///   - The unembeddings of " are" and " is" are the two numbers' directions.
inline Model planted_number() {
  constexpr int64_t kWidth = 16;
  const Tokenizer tokenizer = number_tokenizer().make();
  auto [model, directions] = mean_attention(tokenizer.size(), 40, kWidth);
  const at::Tensor number = directions[0];
  const auto token = [&](const std::string& word) { return single_token(tokenizer, " " + word); };
  int64_t stem = 1;
  for (const auto& [singular, plural] : number_nouns()) {
    model.weights["embed.token"][token(singular)].copy_(directions[stem] - number);
    model.weights["embed.token"][token(plural)].copy_(directions[stem] + number);
    ++stem;
  }
  model.weights["unembed"][token("are")].copy_(4 * number);
  model.weights["unembed"][token("is")].copy_(-4 * number);
  return std::move(model);
}

/// "the cats near the x,1,cats,cat": every form of every noun in `n_places` sentences.
inline std::string number_sentences(int n_places) {
  std::string csv = "sentence,labels,type,block\n";
  for (int place = 0; place < n_places; ++place) {
    for (const auto& [singular, plural] : number_nouns()) {
      for (const std::string& form : {singular, plural}) {
        csv += fmt::format("the {} near the {},{},{},{}\n", form, static_cast<char>('k' + place),
                           form == plural ? 1 : 0, form, singular);
      }
    }
  }
  return csv;
}

}  // namespace cprobe::testing
