#pragma once

#include <span>

#include "cprobe/data/dataset.h"

namespace cprobe {

/// The rows of several data sets, one set after the other, as one: what a model reads that learns several tasks. Rows
/// that begin alike share nodes, of whichever set they are. It has no variables and no counterfactuals, which training
/// does not look at.
/// @param sets   at least one; none with a contrast.
/// @throws Error (kFailed) if there is no set, or one has a contrast.
Dataset joined(std::span<const Dataset> sets);

}  // namespace cprobe
