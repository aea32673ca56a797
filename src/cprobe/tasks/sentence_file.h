#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/io/csv.h"
#include "cprobe/tasks/language_task.h"

namespace cprobe {

/// A file of sentences, tokenized, not yet divided.
struct SentenceFile {
  std::string source;
  std::vector<std::vector<int64_t>> rows;
  std::optional<Contrast> contrast;
  /// [n_rows][n_options]: tokens of each continuation, if one has several; empty otherwise. The
  /// contrast's `whole` is then made with the trie.
  std::vector<std::vector<std::vector<int64_t>>> continuations;
  at::Tensor answers;  ///< [n_rows] int64; undefined without a contrast.
  /// [n_rows] int64: the variable that decides between a row's answer and its alternative;
  /// undefined if it is not known.
  at::Tensor deciding;
  std::map<std::string, std::vector<int64_t>> variables;
  std::map<std::string, std::vector<std::string>> class_names;
  std::vector<at::Tensor> groups;  ///< Numbers of the rows of each group; one of all without groups.
  std::vector<std::string> texts;  ///< Of sentence and prompt.
  std::map<std::string, std::vector<int64_t>> places;  ///< As TokenTrie::places.
  std::vector<size_t> lines;                           ///< Of each row in the file, from 1.
  std::vector<std::string> parts;  ///< Fields of the column that divides the rows; empty without one.
  std::map<std::string, std::vector<std::string>> type_columns;
  std::vector<std::string> word_columns;  ///< As Dataset::word_columns.
  int64_t n_begun = 0;                    ///< Rows that the tokenizer's template put special tokens before.
  bool is_of_file = true;                 ///< All tokens are those of tokenizer.json alone.
};

/// Reads and tokenizes the sentences of a file, but not its variables.
/// @param vocab, n_positions  the model's vocabulary and context.
/// @param notes     is told of words that sentences have several times.
/// @param warnings  is told of spaces that are missing or doubled where a text goes on in another.
/// @throws Error as load_language_data.
SentenceFile read_sentences(const LanguageTask& task, const CsvTable& table, const Tokenizer& tokenizer, int64_t vocab,
                            int64_t n_positions, std::vector<std::string>& notes, std::vector<std::string>& warnings);

}  // namespace cprobe
