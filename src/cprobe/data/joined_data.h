#pragma once

#include <span>

#include "cprobe/data/dataset.h"

namespace cprobe {

/// Joins the rows of several data sets, one set after the other, for a model that learns several
/// tasks. Rows that begin alike share nodes, also across sets. The joined set has no variables and
/// no counterfactuals, which training does not read.
/// @param sets  at least one; none with a contrast.
/// @throws Error (kFailed) if there is no set, or one has a contrast.
Dataset joined(std::span<const Dataset> sets);

}  // namespace cprobe
