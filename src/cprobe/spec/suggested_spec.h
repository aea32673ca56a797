#pragma once

#include <filesystem>
#include <string>

namespace cprobe {

/// A spec for a file of rows that a user has, with comments that say what else could be chosen:
///   - the text is the column `sentence` or `text` or, without these, the one with most words;
///   - a column whose word is in every row's sentence says what is probed;
///   - columns of 2 to 20 classes, of 4 rows each on average, are variables;
///   - a column of `train` and `test` divides the rows.
/// @param model  a Hugging Face folder.
/// @throws Error (kInput) as CsvTable::read and read_model_config; if no column is text, or none
///         can be a variable (says of each column why not).
std::string suggested_spec(const std::filesystem::path& data, const std::filesystem::path& model);

}  // namespace cprobe
