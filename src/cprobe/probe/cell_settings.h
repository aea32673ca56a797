#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/spec/spec.h"

namespace cprobe {

/// What was probed, and how: a point of the grid with the settings that all cells of its spec share.
struct CellSettings {
  std::string task;
  std::string model;  ///< Its folder, as the spec has it.
  Cell cell;
  uint64_t data_seed = 0;
  Protocol protocol = Protocol::kDefault;
  ModelControl control = ModelControl::kNone;
  MaskKind mask_method = MaskKind::kContinuousSparsification;
  MaskUnit unit = MaskUnit::kNeuron;

  friend bool operator==(const CellSettings&, const CellSettings&) = default;
};

CellSettings settings_of(const Spec& spec, const Cell& cell);

/// Begins metrics.csv's name of circuit probing, with whatever mask method.
inline constexpr std::string_view kCircuitProbing = "circuit probing";

/// What metrics.csv calls circuit probing with a mask method: kCircuitProbing for continuous sparsification, otherwise
/// "circuit probing (hard_concrete)".
std::string method_name(MaskKind mask_method);

/// A setting in which cells of one table may differ.
struct VariedSetting {
  std::string name;  ///< As people call it: "learning rate".
  /// Its value in words; empty where a cell has none (the option of another mask method).
  std::function<std::string(const CellSettings&)> text;
};

/// Dimensions of the grid beside variable, layer and block: seed, position, learning rate, batch size, mask method and its
/// option.
std::vector<VariedSetting> grid_settings();

/// Those of the settings in which some cells differ. @param cells anything with a member `settings`.
template <typename Cells>
std::vector<VariedSetting> varied_settings(std::vector<VariedSetting> settings, const Cells& cells) {
  std::erase_if(settings, [&](const VariedSetting& setting) {
    return std::ranges::all_of(
        cells, [&](const auto& cell) { return setting.text(cell.settings) == setting.text(cells.front().settings); });
  });
  return settings;
}

}  // namespace cprobe
