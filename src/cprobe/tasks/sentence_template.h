#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cprobe/tasks/lexicon.h"

namespace cprobe {

/// What is chosen for a sentence besides its words.
struct SentenceFeatures {
  bool plural_subject = false;
  bool female = false;        ///< Gender of a reflexive task's singular pronoun.
  uint64_t plural_nouns = 0;  ///< One bit for each {noun}, the first lowest.
};

/// Times that a template has the slot.
size_t count_slots(const SentenceTemplate& pattern, Slot slot);

/// In how many ways words can fill a template, its nouns' numbers given.
/// @throws Error (kInput) if they are over 10^12.
int64_t count_combinations(const Lexicon& lexicon, const SentenceTemplate& pattern);

/// The sentence that a template gives.
/// @param combination which words, from 0 to count_combinations - 1; each gives another choice of them.
/// @param pronoun     fills {reflexive}.
std::string fill(const SentenceTemplate& pattern, const Lexicon& lexicon, int64_t combination,
                 const SentenceFeatures& features, std::string_view pronoun);

}  // namespace cprobe
