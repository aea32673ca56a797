#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/data/dataset.h"
#include "cprobe/tasks/lexicon.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {

/// What a language model should say after a sentence: the logit of one continuation exceeds those of others exactly
/// where a column holds 1.
struct Expectation {
  std::string continuation;          ///< Text of a single token, such as " are"; unused with `last_word`.
  std::vector<std::string> against;  ///< Texts of single tokens, such as " is"; unused with `last_word`.
  std::string label_column;          ///< 1: the continuation should win, 0: it should not. Unused with `last_word`.
  /// The sentence's own last word, a single token, should win against the last word of the same sentence in the column
  /// `against_column`. The sentence then ends before it.
  bool last_word = false;
  std::string against_column;
};

/// A task over sentences: where they are, how they are divided, and what the model should say.
struct LanguageTask {
  std::string name;
  std::filesystem::path sentences;  ///< CSV with a column `sentence` and columns of whole numbers, the variables.
  std::filesystem::path gen;        ///< Sentences of other structure, to generalise to; may be empty.
  int64_t train_rows = 2000;        ///< Of each group, >= 1.
  int64_t test_rows = 1000;         ///< Of each group and of the gen sentences, >= 1.
  uint64_t split_seed = 0;
  std::string prefix;  ///< Text in front of every sentence, such as "I know that " or "<|endoftext|>".
  Expectation expectation;
  /// Column that divides the rows before all else, and what to call its values; masks are trained on the first. Empty:
  /// one group.
  std::string group_column;
  std::vector<std::pair<int64_t, std::string>> groups;
  std::string variable = "labels";  ///< Column that the task's name stands for as a variable.
};

/// One of the paper's tasks, without its files.
LanguageTask language_task(PaperTask which);

/// The sets of a task: "IID" and "Gen" or, with groups, "Male IID", "Male Gen", "Female IID", ...
struct LanguageData {
  Dataset train;
  Dataset test;  ///< Of the first group: the first of `behaviour`.
  std::vector<std::pair<std::string, Dataset>> behaviour;
};

/// Reads, tokenizes and divides the sentences as the reference does: each group's rows by
/// `torch_random_split([train, test, rest])`, the gen sentences' by `[test, rest]`, each with a generator of its own
/// seeded `split_seed`. Then every row of a set has another one of it, drawn at random, as its source: `Counterfactuals`,
/// and a column `counter_v` with the source's value of each variable v.
/// @param vocab, n_positions of the model.
/// @throws Error (kInput) naming file, line and column: a missing column, a value that is not 0 or 1 among labels, an
///         empty sentence, one that is longer than the context or gives a token outside the vocabulary, a continuation
///         that is not a single token, sentences whose alternative differs elsewhere, fewer rows than asked for.
LanguageData load_language_data(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab,
                                int64_t n_positions);

}  // namespace cprobe
