#pragma once

#include <span>
#include <string>
#include <vector>

#include "cprobe/data/dataset.h"

namespace cprobe {

/// Warnings about classes that no row to train on has, so that nothing can decode them.
/// @param sets  the first is the training set.
std::vector<std::string> class_warnings(std::span<const Dataset* const> sets,
                                        const std::vector<std::string>& variables);

}  // namespace cprobe
