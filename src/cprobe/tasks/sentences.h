#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/tasks/lexicon.h"

namespace cprobe {

/// Sentences of a language task in the paper's columns.
struct SentenceTable {
  /// agreement: sentence, labels. reflexive: sentence, labels, ungrammatical (the pronoun of the other number), gender
  /// (0 male, 1 female). syntactic_number: sentence, labels, object labels. Labels: 0 singular, 1 plural.
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> iid;  ///< Records in the columns' order.
  std::vector<std::vector<std::string>> gen;  ///< Structurally new sentences; empty where the lexicon has none.
};

/// How many sentences the templates can give with balanced numbers and genders. In reflexives a choice of words has one
/// gender only, since the plural sentence is the same for both.
/// @throws Error (kInput) if words can fill a template in over 10^12 ways.
int64_t count_sentences(const Lexicon& lexicon, PaperTask task, const std::vector<SentenceTemplate>& templates);

/// Draws sentences without replacement, all combinations of templates and words equally likely, and shuffles them. In
/// the sentences of a template, each combination of the subject's number, the gender and the other nouns' numbers
/// occurs equally often, or once more. Each file's words and order come from streams of `seed` of their own. Memory:
/// under 1 KB a sentence.
///
/// @param n_sentences of each file; by default the paper's sizes, or fewer where the lexicon gives no more: agreement
///        6,160 and 5,000 (gen), reflexive 25,760 and 5,000, syntactic_number 3,120 and 5,000.
/// @throws Error (kInput) if the lexicon has no such task or too few sentences (says how many), or two templates give
///         the same sentence.
SentenceTable generate_sentences(const Lexicon& lexicon, PaperTask task, std::optional<int64_t> n_sentences, Seed seed);

/// The files of a task in `folder`: `<task>.csv` and, where there are sentences for it, `<task>_gen.csv`.
std::vector<std::filesystem::path> sentence_files(const SentenceTable& table, PaperTask task,
                                                  const std::filesystem::path& folder);

/// Writes `<task>.csv` and, where there are sentences for it, `<task>_gen.csv` into `folder`, which is made where
/// needed; each file appears whole or not at all.
/// @return the files written.
/// @throws Error (kFailed) if it cannot.
std::vector<std::filesystem::path> write_sentences_csv(const SentenceTable& table, PaperTask task,
                                                       const std::filesystem::path& folder);

}  // namespace cprobe
