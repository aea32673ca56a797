#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/data/position.h"
#include "cprobe/io/csv.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {

/// Columns that say which token of each sentence is probed.
struct ProbedPlace {
  enum class Kind {
    kWord,        ///< The last token of a word, whose text the column holds.
    kCharacters,  ///< The last token of the characters from `column` to before `end_column`, from 0.
    kToken,       ///< The token of that number: from 0, or from the end of the row if negative.
  };
  Kind kind = Kind::kWord;
  std::string column, end_column;
  bool last_occurrence = false;  ///< Of a word that the sentence has several times; false: the first.

  /// "word verb", "last word verb", "characters begin to end", "token place".
  Position position() const;

  friend bool operator==(const ProbedPlace&, const ProbedPlace&) = default;
};

/// A sentence in its row.
struct PlacedSentence {
  std::string text;      ///< Of the row: the text before the sentence, the sentence, what follows.
  Encoding encoding;     ///< Of `text`.
  size_t begin = 0;      ///< In bytes: where the sentence begins in `text`.
  int64_t n_tokens = 0;  ///< Of the row. Tokens of `encoding` behind these are the answer.
};

/// The place of the probed token in each row, from 0.
/// @param sentences  texts of the sentences of `table`'s rows.
/// @param notes      is told of rows that have the word several times, and their number.
/// @throws Error (kInput) naming file, line and column: a word that the sentence has not, or that
///         shares a token with other letters; characters or a token that do not exist; a token that
///         is the answer's.
std::vector<int64_t> find_places(const ProbedPlace& place, const CsvTable& table,
                                 const std::vector<std::string>& sentences, const std::vector<PlacedSentence>& rows,
                                 std::vector<std::string>& notes);

}  // namespace cprobe
