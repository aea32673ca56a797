#pragma once

#include <string>
#include <vector>

namespace cprobe {

/// Warnings about spaces that are missing or doubled where each text goes on in another, with
/// counts and an example: a tokenizer makes other tokens of "cabinetare" than of "cabinet are".
/// @param source  the texts' file.
/// @param what    the second texts are: "the continuation".
std::vector<std::string> join_warnings(const std::string& source, const std::vector<std::string>& texts,
                                       const std::vector<std::string>& nexts, const std::string& what);

}  // namespace cprobe
