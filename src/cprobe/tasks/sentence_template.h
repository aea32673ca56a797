#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/tasks/lexicon.h"

namespace cprobe {

/// The features of a sentence, besides its words.
struct SentenceFeatures {
  bool plural_subject = false;
  bool female = false;        ///< Gender of the singular pronoun, in the reflexive task.
  uint64_t plural_nouns = 0;  ///< One bit for each {noun}, the lowest for the first.
};

/// The number of times that a template has the slot.
size_t count_slots(const SentenceTemplate& pattern, Slot slot);

/// The number of ways in which words can fill a template, for given numbers of the nouns.
/// @throws Error (kInput) if there are over 10^12 ways.
int64_t count_combinations(const Lexicon& lexicon, const SentenceTemplate& pattern);

/// A sentence with its nouns in order. A noun has its form in the sentence and its singular.
struct FilledSentence {
  struct Noun {
    Slot slot = Slot::kSubject;
    std::string form, singular;
  };
  std::string text;
  std::vector<Noun> nouns;
};

/// The sentence that a template gives.
/// @param combination  selects the words, from 0 to count_combinations - 1. Each value selects
///                     other words.
/// @param pronoun      fills {reflexive}.
FilledSentence fill(const SentenceTemplate& pattern, const Lexicon& lexicon, int64_t combination,
                    const SentenceFeatures& features, std::string_view pronoun);

}  // namespace cprobe
