#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/tasks/sentence_file.h"

namespace cprobe {

/// Splits some rows by `torch_random_split` into parts of the given lengths, and drops the rest.
/// @param group  names the rows in messages; may be empty.
/// @throws Error (kInput) if there are fewer rows.
std::vector<at::Tensor> split_rows(const SentenceFile& sentences, const at::Tensor& rows, std::vector<int64_t> lengths,
                                   const std::string& group, uint64_t seed);

/// Some rows at random; all if `n` is not set. Parameters and errors as split_rows.
at::Tensor some_rows(const SentenceFile& sentences, const at::Tensor& rows, std::optional<int64_t> n,
                     const std::string& group, uint64_t seed);

/// Numbers of rows of a file, [n] int64 each.
struct RowDivision {
  at::Tensor train;
  at::Tensor test = {};  ///< Undefined if the task has a file of its own to test.
  at::Tensor gen = {};   ///< Undefined or empty if the file has no such rows.
};

/// Divides a group's rows as the task says, and notes what was chosen where the task leaves it to
/// the data.
/// @throws Error (kInput) as split_rows; if a column names another part, or none of the rows is to
///         train or to test.
RowDivision divide_rows(const SentenceFile& sentences, const at::Tensor& rows, const LanguageTask& task,
                        const std::string& group, std::vector<std::string>& notes);

}  // namespace cprobe
