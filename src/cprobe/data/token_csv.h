#pragma once

#include <cstdint>
#include <filesystem>

#include "cprobe/data/dataset.h"

namespace cprobe {

/// Loads one of the paper's CSVs or our own: `data` (tokens), `labels` (answers) and every other column of whole
/// numbers as a variable, `counter_*` and `CF_Label_*` included. A column without any whole number is text and left
/// out. With a column `counterfactual_data` each row has that source, and the answers `CF_Label_k` whose formula `CF_FN_k`
/// (read from the first row) takes one variable from it.
/// @param vocab tokens and answers must be below it.
/// @throws Error (kInput) naming file, line and column: missing column, ragged row, not a number, token or answer
///         outside the vocabulary, no rows.
Dataset load_token_csv(const std::filesystem::path& path, int64_t vocab);

}  // namespace cprobe
