#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/data/dataset.h"

namespace cprobe {

/// Loads a CSV of tokens, one of the paper's or our own. Its columns:
///   - `data`: the tokens of each row.
///   - `labels`: the answers.
///   - Any other column with a whole number: a variable, `counter_*` and `CF_Label_*` included. One
///     field that is no whole number is an error.
///   - Any other column without a whole number: text, which is left out.
///   - `counterfactual_data`, optional: the tokens of each row's source. The answers to an
///     interchange of one variable are then the first `CF_Label_k` whose formula `CF_FN_k` (read
///     from the first row) takes only that variable from the source.
///
/// Columns that say on what a variable depends (data/types.h) are no variables:
///   - `type_of_VARIABLE`, optional: positions of tokens, the same in every row;
///   - `columns`: kept as text.
///
/// @param vocab    size of the vocabulary; tokens and answers are below.
/// @param columns  names of type and block columns.
/// @throws Error (kInput) naming file, line and column: missing column, ragged row, not a number,
///         token or answer outside the vocabulary, no rows.
Dataset load_token_csv(const std::filesystem::path& path, int64_t vocab, const std::vector<std::string>& columns = {});

}  // namespace cprobe
