#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/io/document.h"
#include "cprobe/io/document_keys.h"

namespace cprobe {

/// The language tasks of Lepori et al. 2024.
enum class PaperTask {
  kAgreement,        ///< Subject-verb agreement: the number of the subject, before its verb.
  kReflexive,        ///< Reflexive anaphora: sentences end in himself, herself or themselves.
  kSyntacticNumber,  ///< Control: the number of the subject beside that of one other noun.
};

inline constexpr std::array kPaperTasks = {PaperTask::kAgreement, PaperTask::kReflexive, PaperTask::kSyntacticNumber};

/// "agreement", "reflexive" or "syntactic_number": key in a lexicon, name of the CSV files and
/// argument of `cprobe data`.
std::string_view task_name(PaperTask task);
/// The task of that name; nothing if there is none.
std::optional<PaperTask> find_paper_task(std::string_view name);

/// The places of a template that words fill. {subject} draws from the nouns, {reflexive} has three
/// pronouns, and every other slot has the list of words of its name.
enum class Slot {
  kSubject,      ///< {subject}: the noun whose number is the label.
  kNoun,         ///< {noun}: another noun. No noun comes twice in a sentence.
  kVerb,         ///< {verb}: agrees with the noun before it.
  kPastVerb,     ///< {past_verb}
  kPreposition,  ///< {preposition}
  kReflexive,    ///< {reflexive}: the last word, a pronoun that agrees with the subject.
};

/// A word in its two numbers.
struct NumberForms {
  std::string singular;
  std::string plural;

  const std::string& form(bool is_plural) const { return is_plural ? plural : singular; }
};

/// A pattern such as "the {subject} {preposition} the {noun}".
struct SentenceTemplate {
  /// Text to copy, and the slot behind the text. Only the last piece may lack a slot.
  struct Stretch {
    std::string literal;
    std::optional<Slot> slot;
  };

  std::string text;  ///< As in the file.
  std::vector<Stretch> pieces;
};

struct TaskTemplates {
  std::vector<SentenceTemplate> iid;  ///< At least one.
  std::vector<SentenceTemplate> gen;  ///< Structurally new sentences; may be empty.
};

/// The words and templates that sentences are made of (docs/file_formats.md;
/// examples/lexicon.yaml).
struct Lexicon {
  std::vector<NumberForms> nouns;
  std::vector<NumberForms> verbs;
  std::vector<std::string> past_verbs;
  std::vector<std::string> prepositions;
  std::map<PaperTask, TaskTemplates> tasks;
};

inline constexpr std::array kTemplateKeys = {
    DocumentKey{"iid", "[text]", "sentences to train on and to test", true},
    DocumentKey{"gen", "[text]", "sentences of other structure"},
};

/// The keys of a lexicon.
std::vector<DocumentKey> lexicon_keys();

/// Reads a lexicon from YAML.
/// @throws Error (kInput) with file, line and column:
///   - unknown key or slot (suggests the nearest), empty list, a word twice in its list, a singular
///     equal to its plural, spaces at an end or in a row;
///   - a template twice (in iid and gen together), without exactly one {subject}, with more nouns
///     than the lexicon has, with a slot whose list is missing, or with {verb} before any noun;
///   - a template of reflexive that does not end in its only {reflexive}, or of another task with
///     one;
///   - a template of syntactic_number without exactly one {noun}.
Lexicon parse_lexicon(const Document& yaml);

}  // namespace cprobe
