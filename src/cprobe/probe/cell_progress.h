#pragma once

#include <functional>
#include <string>

namespace cprobe {

/// What a cell's work is made of: one epoch of mask training, or one run of the model without some units; other work is
/// not counted.
enum class Piece { kEpoch, kAblation, kOther };

/// Told after each epoch and ablation, and before other work that takes long, with a few words on it.
using CellProgress = std::function<void(Piece piece, const std::string& note)>;

}  // namespace cprobe
