#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cprobe/data/types.h"

/// The parts of rows by which their types may be told: tokens, words, columns.
namespace cprobe {

using Sets = std::span<const Dataset* const>;

/// One part of every row, per data set, as the number of its value in ascending order.
struct RowPart {
  std::string name;
  std::optional<int64_t> position;  ///< Of a token.
  std::optional<WordPart> word;     ///< Of a word or column.
  std::vector<std::vector<int64_t>> of_rows;
  int64_t n_values = 0;
};

inline int64_t n_rows_of(const Dataset& set) {
  return set.trie.n_rows();
}

/// The token at a position, negative from the end.
RowPart token_part(Sets sets, int64_t position);

/// A column of the data. Throws Error if a set has none of this name.
RowPart column_part(Sets sets, const std::string& column);

/// All tokens or, of rows that are texts, words: from the start, then from the end.
std::vector<RowPart> tokens_or_words(Sets sets);

}  // namespace cprobe
