#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/tasks/sentence_file.h"

namespace cprobe {

/// Splits some rows by `torch_random_split` into parts of the given lengths, and drops the rest.
/// @param group  names the rows in messages; may be empty.
/// @throws Error (kInput) if there are fewer rows.
std::vector<at::Tensor> split_rows(const SentenceFile& sentences, const at::Tensor& rows, std::vector<int64_t> lengths,
                                   const std::string& group, uint64_t seed);

/// Divides a group's rows into those to train on and those to test, and notes what was chosen where
/// the task leaves it to the data.
/// @throws Error (kInput) as split_rows.
std::vector<at::Tensor> divide_rows(const SentenceFile& sentences, const at::Tensor& rows, const LanguageTask& task,
                                    const std::string& group, std::vector<std::string>& notes);

}  // namespace cprobe
