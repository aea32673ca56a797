#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "cprobe/tasks/arithmetic_task.h"

/// What the columns of an arithmetic task's data hold: a file beside the data
/// (docs/file_formats.md).
namespace cprobe {

/// The file's name.
inline constexpr const char* kColumnsFile = "columns.json";

/// A formula for readers who do not see the task: the modulus in place of `p`, and "mod" in place
/// of `%`. "a^2 % p" with modulus 113 is "a^2 mod 113".
std::string formula_title(std::string_view formula, int64_t modulus);

/// Writes `columns.json` beside `train.csv` and `test.csv` of a task: the formula of each column,
/// and hashes of the two files, by which readers notice other data. Left as it is are a file that
/// says so already, and a file of that name that cprobe did not write.
/// @param folder  holds the two files.
/// @throws Error (kInput) if one of them cannot be read; (kFailed) if the file cannot be written.
void write_column_formulas(const ArithmeticTask& task, const std::filesystem::path& folder);

/// Column -> title (`formula_title`), from `columns.json` beside a CSV file. Empty without such a
/// file, and where the file is of other data or is no file of cprobe: titles only help to read.
std::map<std::string, std::string> read_column_titles(const std::filesystem::path& csv);

}  // namespace cprobe
