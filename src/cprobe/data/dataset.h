#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/data/token_trie.h"

namespace cprobe {

/// A hypothesised variable: one token of every row and the variable's value there.
struct LabelledTokens {
  /// [n_labelled] int64: trie node of each labelled token, in row order. Rows with equal prefixes repeat a node.
  at::Tensor nodes;
  at::Tensor labels;  ///< [n_labelled] int64.

  int64_t n_labelled() const { return nodes.size(0); }
};

/// Labels for nodes, both [n_labelled] of any integer dtype. @throws Error (kInput) if the sizes differ.
LabelledTokens make_labelled_tokens(at::Tensor nodes, at::Tensor labels);

/// What a language model should prefer as the next token of each row.
struct Contrast {
  at::Tensor continuation;  ///< [n_rows] int64: a token, whose logit should exceed ...
  at::Tensor against;       ///< [n_rows, n] int64: ... all of theirs exactly where it is the row's answer.

  /// Of some rows. @param rows [m] int64.
  Contrast of_rows(const at::Tensor& rows) const {
    return {continuation.index_select(0, rows), against.index_select(0, rows)};
  }
};

/// Each row of a data set with another one, its source, for interchange interventions.
struct Counterfactuals {
  TokenTrie sources;  ///< Row r is the source of the data set's row r.
  /// Variable -> [n_rows] int64: the right answer if that variable alone had the source's value.
  std::map<std::string, at::Tensor> answers;
};

/// One split (train, test, ...) of a task: its sequences, the variables' labels, and what the model should answer.
struct Dataset {
  std::string source;  ///< File it came from, for messages and fingerprints.
  TokenTrie trie;
  at::Tensor answers;                           ///< [n_rows] int64: the right next token at the last token of each row.
  std::optional<Contrast> contrast;             ///< Language tasks: the rows count as right by this, not by `answers`.
  std::map<std::string, at::Tensor> variables;  ///< Name -> [n_rows] int64 value of each integer column of the file.

  std::optional<Counterfactuals> counterfactuals;  ///< Where rows are paired.

  /// The labels of `variable` on the token at `position` of every row (as TokenTrie::nodes_at).
  /// @throws Error (kInput) if there is no such variable (names the nearest) or no such token.
  LabelledTokens labelled(const std::string& variable, int64_t position) const;

  /// The same for all copies of a data set, which share the storage of its tokens.
  const void* identity() const { return trie.token.data_ptr(); }

  /// Counterfactuals::answers of a variable; nullptr where there are none.
  const at::Tensor* counterfactual_answers(const std::string& variable) const;
};

}  // namespace cprobe
