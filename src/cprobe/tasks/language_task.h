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

/// What a language model should say after a sentence. There are two kinds:
///   - Fixed words: the logit of `continuation` exceeds all those of `against` exactly if
///     `label_column` holds 1.
///   - `last_word`: the sentence's last word wins against the last word of the same row in the
///     column `against_column`. Both are single tokens, and the sentence is cut before its last
///     word.
struct Expectation {
  std::string continuation;          ///< Text of a single token, such as " are".
  std::vector<std::string> against;  ///< Texts of single tokens, such as " is".
  std::string label_column;          ///< 1: the continuation should win; 0: it should not.
  bool last_word = false;            ///< Selects the second kind; the fields above are then unused.
  std::string against_column;        ///< Unused without `last_word`.
};

/// A task over sentences: the files, the division of the rows, and what the model should say.
struct LanguageTask {
  std::string name;
  /// CSV with a column `sentence` and columns of whole numbers, the variables.
  std::filesystem::path sentences;
  std::filesystem::path gen;  ///< Sentences of other structure, to generalise to; may be empty.
  int64_t train_rows = 2000;  ///< Rows of each group, >= 1.
  int64_t test_rows = 1000;   ///< Rows of each group, and of the gen sentences of each, >= 1.
  uint64_t split_seed = 0;
  /// Text in front of every sentence, such as "I know that " or "<|endoftext|>".
  std::string prefix;
  Expectation expectation;
  /// Column that divides the rows before all else. Empty: one group.
  std::string group_column;
  /// Value of `group_column` and name of each group. Masks are trained on the first group.
  std::vector<std::pair<int64_t, std::string>> groups;
  std::string variable = "labels";  ///< Column whose values the variable named as the task has.
  /// Columns that tell types and blocks apart (data/types.h), beside `type` and `block`, which are
  /// read where a file has them.
  std::vector<std::string> type_columns;
};

/// One of the paper's tasks; its files are still to be set.
LanguageTask language_task(PaperTask which);

/// The data sets of a task.
struct LanguageData {
  Dataset train;
  Dataset test;  ///< The test rows of the first group, which is the first set of `behaviour`.
  /// "IID" and "Gen" or, with groups, "Male IID", "Male Gen", "Female IID", ...
  std::vector<std::pair<std::string, Dataset>> evaluation_sets;
};

/// Reads, tokenizes and divides the sentences. As in the reference, each group's rows are divided
/// by `torch_random_split([train, test, rest])` and its gen sentences by `[test, rest]`; each split
/// has a generator of its own, seeded `split_seed`.
///
/// Then every row of a set gets a random other row of the set as its source, for `Counterfactuals`.
/// Columns `counter_v` hold the source's value of each variable v.
///
/// @param vocab, n_positions  the model's vocabulary and context.
/// @throws Error (kInput) naming file, line and column: a missing column, a label that is not 0 or
///         1, an empty sentence, a sentence that is longer than the context or gives a token
///         outside the vocabulary, a continuation that is not a single token, a sentence that
///         differs from its alternative elsewhere than in the last word, fewer rows than asked for.
LanguageData load_language_data(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab,
                                int64_t n_positions);

}  // namespace cprobe
