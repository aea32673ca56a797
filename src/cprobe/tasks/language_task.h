#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/data/dataset.h"
#include "cprobe/tasks/lexicon.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {

/// What a language model should say after a sentence. There are two kinds:
///   - Fixed words: the logit of `continuation` exceeds all those of `against` exactly in the rows
///     that `label_column` tells.
///   - `last_word`: the sentence's last word wins against the last word of the same row in the
///     column `against_column`. Both are single tokens, and the sentence is cut before its last
///     word.
struct Expectation {
  std::string continuation;          ///< Text of a single token, such as " are".
  std::vector<std::string> against;  ///< Texts of single tokens, such as " is".
  /// 1 or `true`: the continuation should win; 0 or `false`: it should not. With `label_value`, it
  /// should win exactly where the column holds that value.
  std::string label_column;
  std::optional<std::string> label_value;
  /// Other spellings of 1 and 0 that the column may have, in lower case.
  std::map<std::string, int64_t> label_words;
  bool last_word = false;      ///< Selects the second kind; the fields above are then unused.
  std::string against_column;  ///< Unused without `last_word`.
};

/// Rows that a column puts together.
struct RowGroup {
  std::vector<std::string> values;  ///< What the column holds in them: one of these.
  std::string label;
};

inline constexpr int64_t kTrainRows = 2000, kTestRows = 1000;

/// A task over sentences: the files, the division of the rows, and what the model should say.
struct LanguageTask {
  std::string name;
  /// CSV with a column `sentence` and columns of variables.
  std::filesystem::path sentences;
  std::filesystem::path gen;  ///< Sentences of other structure, to generalise to; may be empty.
  /// Rows of each group, >= 1; the test rows also those of the gen sentences of each. Not set: the
  /// defaults below or, in groups with fewer rows, two thirds and one third, divided within each
  /// class of the first variable.
  std::optional<int64_t> train_rows, test_rows;
  uint64_t split_seed = 0;
  /// Text in front of every sentence, such as "I know that " or "<|endoftext|>".
  std::string prefix;
  Expectation expectation;
  /// Column that divides the rows before all else. Empty: one group.
  std::string group_column;
  /// The groups; masks are trained on the first.
  std::vector<RowGroup> groups;
  /// Columns that are probed and are read as classes (data/classes.h). The task's name stands for
  /// the column `variable`, and is all that is probed if the list is empty.
  std::vector<std::string> variables;
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
  std::vector<std::string> notes;  ///< What was chosen because the task leaves it to the data.
};

/// Reads, tokenizes and divides the sentences. As in the reference, each group's rows are divided
/// by `torch_random_split([train, test, rest])` and its gen sentences by `[test, rest]`; each split
/// has a generator of its own, seeded `split_seed`.
///
/// Then every row of a set gets a random other row of the set as its source, for `Counterfactuals`.
/// Columns `counter_v` hold the source's value of each variable v.
///
/// @param vocab, n_positions  the model's vocabulary and context.
/// @throws Error (kInput) naming file, line and column: a missing column, a label that says neither
///         yes nor no, a value of `where` that no row has, an empty sentence, a sentence that is
///         longer than the context or gives a token outside the vocabulary, a continuation that is
///         not a single token, a sentence that differs from its alternative elsewhere than in the
///         last word, fewer rows than asked for.
LanguageData load_language_data(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab,
                                int64_t n_positions);

}  // namespace cprobe
