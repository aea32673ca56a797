#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/data/classes.h"
#include "cprobe/data/dataset.h"

namespace cprobe {

/// What is read from CSVs of tokens beside tokens and answers.
struct TokenColumns {
  std::vector<std::string> variables;  ///< Read as classes, with names (data/classes.h).
  Bins bins;                           ///< Of `variables`.
  std::vector<std::string> types;      ///< Type and block columns, whose text is kept.
};

/// Loads CSVs of tokens, the paper's or our own, whose classes are numbered together. Columns:
///   - `data`: the tokens of each row.
///   - `labels`: the answers.
///   - Columns that `columns` names.
///   - Any other column of whole numbers only: a variable, `counter_*` and `CF_Label_*` included.
///     The rest is not used.
///   - `counterfactual_data`, optional: the tokens of each row's source. The answers to an
///     interchange of one variable are then the first `CF_Label_k` whose formula `CF_FN_k` (read
///     from the first row) takes only that variable from the source.
///   - `type_of_VARIABLE`, optional: positions of the tokens on which a variable depends
///     (data/types.h), the same in every row.
///
/// @param vocab  size of the vocabulary; tokens and answers are below.
/// @throws Error (kInput) naming file, line and column: missing column, ragged row, not a number,
///         token or answer outside the vocabulary, no rows.
std::vector<Dataset> load_token_csvs(const std::vector<std::filesystem::path>& paths, int64_t vocab,
                                     const TokenColumns& columns = {});

/// One of them.
Dataset load_token_csv(const std::filesystem::path& path, int64_t vocab, const TokenColumns& columns = {});

}  // namespace cprobe
