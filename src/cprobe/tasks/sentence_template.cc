#include "cprobe/tasks/sentence_template.h"

#include <algorithm>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

constexpr int64_t kMostCombinations = 1'000'000'000'000;

/// The number of words that a slot can have. @param n_used  nouns in the sentence so far.
size_t n_choices(const Lexicon& lexicon, Slot slot, size_t n_used) {
  switch (slot) {
    case Slot::kSubject:
    case Slot::kNoun:
      return lexicon.nouns.size() - std::min(n_used, lexicon.nouns.size());
    case Slot::kVerb:
      return lexicon.verbs.size();
    case Slot::kPastVerb:
      return lexicon.past_verbs.size();
    case Slot::kPreposition:
      return lexicon.prepositions.size();
    case Slot::kReflexive:
      break;
  }
  return 1;
}

bool is_noun(Slot slot) {
  return slot == Slot::kSubject || slot == Slot::kNoun;
}

}  // namespace

size_t count_slots(const SentenceTemplate& pattern, Slot slot) {
  return static_cast<size_t>(std::count_if(pattern.pieces.begin(), pattern.pieces.end(),
                                           [&](const SentenceTemplate::Stretch& piece) { return piece.slot == slot; }));
}

int64_t count_combinations(const Lexicon& lexicon, const SentenceTemplate& pattern) {
  int64_t n = 1;
  size_t n_nouns = 0;
  for (const SentenceTemplate::Stretch& piece : pattern.pieces) {
    if (!piece.slot) continue;
    const auto choices = static_cast<int64_t>(n_choices(lexicon, *piece.slot, n_nouns));
    if (is_noun(*piece.slot)) ++n_nouns;
    if (choices > 0 && n > kMostCombinations / choices) {
      throw input_error("the template '{}' can be filled in over {} ways; give it fewer slots or shorter lists",
                        pattern.text, kMostCombinations);
    }
    n *= choices;
  }
  return n;
}

FilledSentence fill(const SentenceTemplate& pattern, const Lexicon& lexicon, int64_t combination,
                    const SentenceFeatures& features, std::string_view pronoun) {
  std::vector<NumberForms> nouns = lexicon.nouns;  // Those not in the sentence yet.
  uint64_t plural_nouns = features.plural_nouns;
  bool is_plural = false;  // Number of the last noun.
  FilledSentence sentence;
  for (const SentenceTemplate::Stretch& piece : pattern.pieces) {
    sentence.text += piece.literal;
    if (!piece.slot) continue;
    // `combination` is a number in mixed radix, with one digit for each slot.
    const size_t n = n_choices(lexicon, *piece.slot, lexicon.nouns.size() - nouns.size());
    const auto choice = static_cast<size_t>(combination % static_cast<int64_t>(n));
    combination /= static_cast<int64_t>(n);
    switch (*piece.slot) {
      case Slot::kSubject:
      case Slot::kNoun:
        is_plural = *piece.slot == Slot::kSubject ? features.plural_subject : plural_nouns % 2 == 1;
        if (*piece.slot == Slot::kNoun) plural_nouns /= 2;
        sentence.text += nouns[choice].form(is_plural);
        sentence.nouns.push_back({*piece.slot, nouns[choice].form(is_plural), nouns[choice].singular});
        nouns.erase(nouns.begin() + static_cast<std::ptrdiff_t>(choice));
        break;
      case Slot::kVerb:
        sentence.text += lexicon.verbs[choice].form(is_plural);
        break;
      case Slot::kPastVerb:
        sentence.text += lexicon.past_verbs[choice];
        break;
      case Slot::kPreposition:
        sentence.text += lexicon.prepositions[choice];
        break;
      case Slot::kReflexive:
        sentence.text += pronoun;
        break;
    }
  }
  return sentence;
}

}  // namespace cprobe
