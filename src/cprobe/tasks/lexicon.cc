#include "cprobe/tasks/lexicon.h"

#include <algorithm>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/core/text.h"
#include "cprobe/tasks/sentence_template.h"

namespace cprobe {
namespace {

struct SlotName {
  Slot slot;
  std::string_view name;
  std::string_view list;  ///< Key of the slot's words; empty if the slot has no list of its own.
};

constexpr std::array kSlots = {
    SlotName{Slot::kSubject, "subject", "nouns"},
    SlotName{Slot::kNoun, "noun", "nouns"},
    SlotName{Slot::kVerb, "verb", "verbs"},
    SlotName{Slot::kPastVerb, "past_verb", "past_verbs"},
    SlotName{Slot::kPreposition, "preposition", "prepositions"},
    SlotName{Slot::kReflexive, "reflexive", ""},
};

void require_tidy(std::string_view text, const Document& place) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.find("  ") != std::string_view::npos) {
    throw place.error(fmt::format("'{}' is empty, begins or ends with a space, or has two spaces in a row", text));
  }
}

/// Checks a word and returns it. @param seen  the words of the list so far.
std::string checked_word(const std::string& word, const Document& place, std::set<std::string>& seen) {
  require_tidy(word, place);
  if (word.find_first_of("{}") != std::string::npos) {
    throw place.error(fmt::format("the word '{}' has a brace; slots belong in templates", word));
  }
  if (!seen.insert(word).second) throw place.error(fmt::format("the word '{}' is in this list twice", word));
  return word;
}

std::vector<std::string> parse_words(const Document* yaml) {
  std::vector<std::string> words;
  if (yaml == nullptr) return words;
  std::set<std::string> seen;
  for (const Document& word : yaml->items()) words.push_back(checked_word(word.as_text(), word, seen));
  if (words.empty()) throw yaml->error("expected at least one word");
  return words;
}

std::vector<NumberForms> parse_forms(const Document* yaml) {
  std::vector<NumberForms> forms;
  if (yaml == nullptr) return forms;
  std::set<std::string> seen;
  for (const auto& [singular, plural] : yaml->entries()) {
    if (plural.as_text() == singular) {
      throw plural.error(fmt::format("singular and plural are both '{}', so its number could not be told", singular));
    }
    forms.push_back(
        {.singular = checked_word(singular, plural, seen), .plural = checked_word(plural.as_text(), plural, seen)});
  }
  if (forms.empty()) throw yaml->error("expected at least one word, as 'singular: plural'");
  return forms;
}

Slot parse_slot(std::string_view name, const Document& place) {
  std::vector<std::string> names;
  for (const SlotName& row : kSlots) {
    if (row.name == name) return row.slot;
    names.emplace_back(row.name);
  }
  throw place.error(fmt::format("no slot '{{{}}}'; did you mean '{{{}}}'?", name, nearest(name, names)));
}

std::vector<SentenceTemplate::Stretch> parse_pieces(std::string_view rest, const Document& place) {
  std::vector<SentenceTemplate::Stretch> pieces;
  while (!rest.empty()) {
    const size_t open = std::min(rest.find_first_of("{}"), rest.size());
    SentenceTemplate::Stretch piece = {.literal = std::string(rest.substr(0, open)), .slot = {}};
    rest.remove_prefix(open);
    if (!rest.empty()) {
      const size_t close = rest.find('}');
      if (close == 0 || close == std::string_view::npos) {
        throw place.error(fmt::format("a brace without its partner: '{}'", rest));
      }
      piece.slot = parse_slot(rest.substr(1, close - 1), place);
      rest.remove_prefix(close + 1);
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

/// Requires the lists that a template's slots draw from, and enough nouns.
void require_words(const SentenceTemplate& pattern, const Lexicon& lexicon, const Document& place) {
  for (const SlotName& row : kSlots) {
    const bool is_missing = (row.slot == Slot::kVerb && lexicon.verbs.empty()) ||
                            (row.slot == Slot::kPastVerb && lexicon.past_verbs.empty()) ||
                            (row.slot == Slot::kPreposition && lexicon.prepositions.empty());
    if (is_missing && count_slots(pattern, row.slot) > 0) {
      throw place.error(fmt::format("'{{{}}}' needs the list '{}', which is missing", row.name, row.list));
    }
  }
  const size_t n_nouns = count_slots(pattern, Slot::kSubject) + count_slots(pattern, Slot::kNoun);
  if (n_nouns > lexicon.nouns.size()) {
    throw place.error(
        fmt::format("the template needs {} different nouns, the lexicon has {}", n_nouns, lexicon.nouns.size()));
  }
}

/// Requires slots from which a sentence of the task can be made and labelled.
void require_structure(const SentenceTemplate& pattern, PaperTask task, const Document& place) {
  if (const size_t n = count_slots(pattern, Slot::kSubject); n != 1) {
    throw place.error(fmt::format("a template has '{{subject}}' once, found {} times", n));
  }
  for (const SentenceTemplate::Stretch& piece : pattern.pieces) {
    if (piece.slot == Slot::kSubject || piece.slot == Slot::kNoun) break;
    if (piece.slot == Slot::kVerb) throw place.error("'{verb}' agrees with the noun before it, and there is none");
  }
  const size_t n_reflexives = count_slots(pattern, Slot::kReflexive);
  if (task != PaperTask::kReflexive && n_reflexives > 0) {
    throw place.error("'{reflexive}' is for templates of the task 'reflexive' only");
  }
  if (task == PaperTask::kReflexive && (n_reflexives != 1 || pattern.pieces.back().slot != Slot::kReflexive)) {
    throw place.error("a template of this task has '{reflexive}' once, at its end");
  }
  if (const size_t n = count_slots(pattern, Slot::kNoun); task == PaperTask::kSyntacticNumber && n != 1) {
    throw place.error(fmt::format("a template of this task has '{{noun}}' once, found {} times", n));
  }
}

/// @param seen  the templates of the task so far.
std::vector<SentenceTemplate> parse_templates(const Document& yaml, PaperTask task, const Lexicon& lexicon,
                                              std::set<std::string>& seen) {
  std::vector<SentenceTemplate> templates;
  for (const Document& item : yaml.items()) {
    const std::string text = item.as_text();
    require_tidy(text, item);
    if (!seen.insert(text).second) throw item.error("this task has the template twice");
    templates.push_back({.text = text, .pieces = parse_pieces(text, item)});
    require_structure(templates.back(), task, item);
    require_words(templates.back(), lexicon, item);
  }
  if (templates.empty()) throw yaml.error("expected at least one template");
  return templates;
}

}  // namespace

std::string_view task_name(PaperTask task) {
  return name_of(task, {"agreement", "reflexive", "syntactic_number"});
}

std::optional<PaperTask> find_paper_task(std::string_view name) {
  for (const PaperTask task : kPaperTasks) {
    if (task_name(task) == name) return task;
  }
  return std::nullopt;
}

std::vector<DocumentKey> lexicon_keys() {
  std::vector<DocumentKey> keys = {
      {"nouns", "{text}", "singular: plural", true},
      {"verbs", "{text}", "singular: plural, in the present"},
      {"past_verbs", "[text]", "one form for both numbers"},
      {"prepositions", "[text]", ""},
  };
  for (const PaperTask task : kPaperTasks) keys.push_back({task_name(task), "@templates", "sentences of a task"});
  return keys;
}

Lexicon parse_lexicon(const Document& yaml) {
  require_known_keys(yaml, lexicon_keys());

  Lexicon lexicon;
  lexicon.nouns = parse_forms(&yaml.at("nouns"));
  lexicon.verbs = parse_forms(yaml.find("verbs"));
  lexicon.past_verbs = parse_words(yaml.find("past_verbs"));
  lexicon.prepositions = parse_words(yaml.find("prepositions"));
  for (const PaperTask task : kPaperTasks) {
    const Document* templates = yaml.find(task_name(task));
    if (templates == nullptr) continue;
    require_known_keys(*templates, kTemplateKeys);
    std::set<std::string> seen;
    TaskTemplates& parsed = lexicon.tasks[task];
    parsed.iid = parse_templates(templates->at("iid"), task, lexicon, seen);
    if (const Document* gen = templates->find("gen"); gen != nullptr) {
      parsed.gen = parse_templates(*gen, task, lexicon, seen);
    }
  }
  if (lexicon.tasks.empty()) throw yaml.error("the lexicon has templates for no task");
  return lexicon;
}

}  // namespace cprobe
