#pragma once

#include <span>
#include <string>
#include <vector>

#include "cprobe/data/dataset.h"

namespace cprobe {

/// Warnings about rows of equal tokens, a sentence each, with counts and an example:
///   - rows of another set that are rows of the first set, to train on, as well;
///   - rows that have another value of a variable than an earlier row of the same tokens, in any
///     set.
/// @param sets  the first is the training set.
std::vector<std::string> duplicate_warnings(std::span<const Dataset* const> sets,
                                            const std::vector<std::string>& variables);

}  // namespace cprobe
