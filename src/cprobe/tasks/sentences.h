#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/tasks/lexicon.h"

namespace cprobe {

/// The sentences of a language task in the paper's columns, and ours.
struct SentenceTable {
  /// The columns of each task. Labels are 0 singular, 1 plural; genders 0 male, 1 female.
  ///   - agreement: sentence, labels;
  ///   - reflexive: sentence, labels, ungrammatical (the sentence with the pronoun of the other
  ///     number), gender;
  ///   - syntactic_number: sentence, labels, object labels.
  /// Then ours (data/types.h): type, the noun on whose number the task's variable depends (in
  /// syntactic_number the other noun, else the subject), and block, its singular.
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> iid;  ///< Records; their fields are as `columns`.
  /// Records of sentences of other structure; empty if the lexicon has no templates for them.
  std::vector<std::vector<std::string>> gen;
};

/// The number of sentences that templates can give with balanced numbers and genders. In
/// reflexives, a choice of words is used for one gender only, because its plural sentence is the
/// same for both.
/// @throws Error (kInput) if words can fill a template in over 10^12 ways.
int64_t count_sentences(const Lexicon& lexicon, PaperTask task, const std::vector<SentenceTemplate>& templates);

/// Draws sentences without replacement, all combinations of templates and words equally likely, and
/// shuffles them. Among the sentences of a template, each combination of the subject's number, the
/// gender and the other nouns' numbers occurs equally often, or once more. Each file's words and
/// order come from separate streams of `seed`. Memory: under 1 KB a sentence.
///
/// @param n_sentences  number of sentences of each file. If not given, the paper's numbers, or
///                     fewer if the lexicon gives no more: agreement 6,160 and 5,000 (gen),
///                     reflexive 25,760 and 5,000, syntactic_number 3,120 and 5,000.
/// @throws Error (kInput) if the lexicon lacks the task or gives too few sentences (says how many),
///         or two templates give the same sentence.
SentenceTable generate_sentences(const Lexicon& lexicon, PaperTask task, std::optional<int64_t> n_sentences, Seed seed);

/// The files of a task in `folder`: `<task>.csv` and, if the table has gen sentences,
/// `<task>_gen.csv`.
std::vector<std::filesystem::path> sentence_files(const SentenceTable& table, PaperTask task,
                                                  const std::filesystem::path& folder);

/// Writes the files of a task into `folder`, which is created if missing. Each file appears whole
/// or not at all.
/// @return the files, as `sentence_files`.
/// @throws Error (kFailed) if a file cannot be written.
std::vector<std::filesystem::path> write_sentences_csv(const SentenceTable& table, PaperTask task,
                                                       const std::filesystem::path& folder);

}  // namespace cprobe
