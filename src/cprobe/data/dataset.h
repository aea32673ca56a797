#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/data/token_trie.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {

/// A hypothesised variable: one token of every row and the variable's value there.
struct LabelledTokens {
  /// [n_labelled] int64: trie node of each labelled token, in row order. Rows with equal prefixes
  /// repeat a node.
  at::Tensor nodes;
  at::Tensor labels;  ///< [n_labelled] int64.

  int64_t n_labelled() const { return nodes.size(0); }
};

/// Checks and converts labels for nodes, both [n_labelled] of any integer dtype.
/// @throws Error (kInput) if the sizes differ.
LabelledTokens make_labelled_tokens(at::Tensor nodes, at::Tensor labels);

/// Continuations of which some have several tokens, n_options for each row: the one that should win
/// first, then those to compare it with.
struct WholeContinuations {
  at::Tensor token;  ///< [n_rows, n_options, n_most] int64; -1 behind shorter continuations.
  at::Tensor node;   ///< [n_rows, n_options, n_most] int64: the node whose state predicts the token, or -1.

  /// Those of some rows. @param rows  [m] int64.
  WholeContinuations of_rows(const at::Tensor& rows) const {
    return {token.index_select(0, rows), node.index_select(0, rows)};
  }
};

/// What a language model should prefer as the next token of each row. The logit of `continuation`
/// should exceed every logit of `against` if `continuation` is the row's answer, and should not
/// otherwise.
struct Contrast {
  at::Tensor continuation;  ///< [n_rows] int64: one token.
  at::Tensor against;       ///< [n_rows, n] int64: the tokens to compare with.
  /// If set, the log-probabilities of whole continuations are compared in place of logits. 1 stands
  /// for the continuation and 0 for all others, in `continuation`, `against` and right answers.
  std::optional<WholeContinuations> whole = {};

  /// The contrast of some rows. @param rows  [m] int64.
  Contrast of_rows(const at::Tensor& rows) const {
    return {continuation.index_select(0, rows), against.index_select(0, rows),
            whole ? std::optional(whole->of_rows(rows)) : std::nullopt};
  }
};

/// Pairs each row of a data set with another row, its source, for interchange interventions.
struct Counterfactuals {
  TokenTrie sources;  ///< Row r is the source of the data set's row r.
  /// Variable -> [n_rows] int64: the right answer if only that variable had the source's value.
  std::map<std::string, at::Tensor> answers;
};

/// How sentences become rows of tokens.
struct Wording {
  Tokenizer tokenizer;
  std::string prefix;  ///< Text before every sentence.
  /// Special tokens that the tokenizer puts before every row.
  TemplateTokens around = TemplateTokens::kBefore;
  bool ends_before_last_token = false;  ///< The last token is the answer, and no part of the row.

  /// The tokens of a row: those of the template, then those of prefix and sentence, with the bytes
  /// of both that each covers.
  /// @throws Error as Tokenizer::encode.
  Encoding encode(const std::string& sentence) const;
};

/// One split (train, test, ...) of a task: sequences, labels of the variables, and right answers.
struct Dataset {
  std::string source;  ///< The file of the data, for messages and fingerprints.
  TokenTrie trie;
  /// [n_rows] int64: the right next token after each row's last token. Undefined in sets that are
  /// only decoded.
  at::Tensor answers;
  /// Language tasks only. A row then counts as right by its contrast, not by `answers`.
  std::optional<Contrast> contrast;
  /// Name -> [n_rows] int64: values of each column of whole numbers of the file, and numbers of the
  /// classes of other columns that are probed.
  std::map<std::string, at::Tensor> variables;
  /// Variable -> what its classes are called, by number, if the file names them (data/classes.h).
  std::map<std::string, std::vector<std::string>> class_names;

  std::optional<Counterfactuals> counterfactuals;  ///< Set if rows are paired.

  /// [n_rows]: number of each row in its file, from 0. Empty: the rows are in the file's order.
  std::vector<int64_t> rows_of_file;
  std::vector<std::string> texts;  ///< Sentences only: the text of each row, without the prefix.
  std::optional<Wording> wording;  ///< Sentences only.
  /// Name -> [n_rows]: fields of the columns that tell types and blocks apart (data/types.h).
  std::map<std::string, std::vector<std::string>> type_columns;
  std::vector<std::string> word_columns;  ///< Of `type_columns`: those whose word is probed.
  /// Variable -> positions of the tokens on which it depends, as the file says (kTypeColumnPrefix).
  std::map<std::string, std::vector<int64_t>> type_positions;

  /// As TokenTrie::nodes_at, but the error names the row by its place in its file, and its text.
  at::Tensor nodes_at(const Position& position) const;

  /// The labels of `variable` on the token at `position` of every row.
  /// @throws Error (kInput) if there is no such variable (names the nearest) or no such token.
  LabelledTokens labelled(const std::string& variable, const Position& position) const;

  /// What a value of a variable is called: its number, unless the file names its classes.
  std::string class_name(const std::string& variable, int64_t value) const;

  /// Tells data sets apart; the same for all copies of one, which share the storage of the tokens.
  const void* identity() const { return trie.token.data_ptr(); }

  /// Counterfactuals::answers of a variable; nullptr if there are none.
  const at::Tensor* counterfactual_answers(const std::string& variable) const;
};

}  // namespace cprobe
