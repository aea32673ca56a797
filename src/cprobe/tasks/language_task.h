#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/data/classes.h"
#include "cprobe/data/dataset.h"
#include "cprobe/tasks/lexicon.h"
#include "cprobe/tasks/probed_place.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {

/// What a language model should say after a sentence. There are two kinds:
///   - Continuations: the logit of one exceeds all those of others, in all rows or exactly in those
///     that `label_column` tells. Each is a text, or a column that has a text for each row. If one
///     has several tokens, log-probabilities of whole continuations take the place of logits.
///   - `last_word`: the sentence's last word wins against the last word of the same row in the
///     column `against_column`. Both are single tokens, and the sentence is cut before its last
///     word.
struct Expectation {
  std::string continuation;                  ///< Such as " are".
  std::string continuation_column;           ///< In place of `continuation`; empty: the text.
  std::vector<std::string> against;          ///< Such as " is".
  std::vector<std::string> against_columns;  ///< Further ones.
  /// 1 or `true`: the continuation should win; 0 or `false`: it should not. With `label_value`, it
  /// should win exactly where the column holds that value. Empty: it should win in every row.
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
  /// CSV with a column of sentences and columns of variables.
  std::filesystem::path sentences;
  /// Sentences to test; all of `sentences` are then to train on. May be empty.
  std::filesystem::path test;
  std::filesystem::path gen;  ///< Sentences of other structure, to generalise to; may be empty.
  std::string text_column = "sentence";
  /// Text that follows each sentence, as it is, before the model is to say something; may be empty.
  std::string prompt_column;
  std::vector<ProbedPlace> probed;  ///< Tokens that rows name, for TokenTrie::places.
  /// Column that says of each row of `sentences` whether it is to `train`, `test` or `gen`; empty:
  /// as `split_by` or, without this, at random.
  std::string split_column;
  /// Column that divides the rows of `sentences`: no value of it is in both parts. May be empty.
  std::string split_by;
  /// Rows of each group, >= 1; the test rows also those of the gen sentences of each. Not set: all
  /// rows of a part that a file or a column sets apart; else the defaults below or, in groups with
  /// fewer rows, two thirds and one third, divided within each class of the first variable.
  std::optional<int64_t> train_rows, test_rows;
  uint64_t split_seed = 0;
  /// Text in front of every sentence, such as "I know that " or "<|endoftext|>".
  std::string prefix;
  /// Special tokens that the tokenizer puts before prefix and sentence: kBefore or kNone.
  TemplateTokens around = TemplateTokens::kBefore;
  std::optional<Expectation> expectation;  ///< Not set: variables are decoded, and that is all.
  /// Column that divides the rows before all else. Empty: one group.
  std::string group_column;
  /// The groups; masks are trained on the first.
  std::vector<RowGroup> groups;
  /// Columns that are probed and are read as classes (data/classes.h). The task's name stands for
  /// the column `variable`, and is all that is probed if the list is empty.
  std::vector<std::string> variables;
  std::string variable = "labels";  ///< Column whose values the variable named as the task has.
  Bins bins;                        ///< Of columns that are probed.
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
  std::vector<std::string> notes;     ///< What was chosen because the task leaves it to the data.
  std::vector<std::string> warnings;  ///< What is odd where a text goes on in another.
  /// A hash of all tokens of rows and continuations. Empty if all are those of tokenizer.json alone
  /// (Tokenizer::without_config), so that this file and the task decide them.
  std::string token_fingerprint;
};

/// Reads, tokenizes and divides the sentences. Unless the task divides them otherwise, each group's
/// rows are divided as in the reference: by `torch_random_split([train, test, rest])`, and its gen
/// sentences by `[test, rest]`; each split has a generator of its own, seeded `split_seed`.
///
/// Then every row of a set gets a random other row of the set as its source, for `Counterfactuals`.
/// Columns `counter_v` hold the source's value of each variable v.
///
/// @param vocab, n_positions  the model's vocabulary and context.
/// @throws Error (kInput) naming file, line and column: a missing column, a label that says neither
///         yes nor no, a value of `where` that no row has, an empty sentence, a sentence that is
///         longer than the context or gives a token outside the vocabulary, a continuation without
///         tokens or with such a token, a sentence that differs from its alternative elsewhere than
///         in the last word, fewer rows than asked for, a part without rows; as find_places.
LanguageData load_language_data(const LanguageTask& task, const Tokenizer& tokenizer, int64_t vocab,
                                int64_t n_positions);

}  // namespace cprobe
