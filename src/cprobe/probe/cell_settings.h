#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/spec/spec.h"

namespace cprobe {

/// A point of the grid, with the settings that all cells of its spec share.
struct CellSettings {
  std::string task;
  std::string model;  ///< The model's folder, as written in the spec.
  Cell cell;
  uint64_t data_seed = 0;
  Protocol protocol = Protocol::kDefault;
  ModelControl control = ModelControl::kNone;
  MaskKind mask_method = MaskKind::kContinuousSparsification;
  MaskUnit unit = MaskUnit::kNeuron;

  friend bool operator==(const CellSettings&, const CellSettings&) = default;
};

CellSettings settings_of(const Spec& spec, const Cell& cell);

/// Begins the name of circuit probing in metrics.csv, for every mask method.
inline constexpr std::string_view kCircuitProbing = "circuit probing";

/// The name in metrics.csv of circuit probing with a mask method: kCircuitProbing for continuous
/// sparsification, otherwise such as "circuit probing (hard_concrete)".
std::string method_name(MaskKind mask_method);

/// A setting in which cells of one table may differ.
struct VariedSetting {
  std::string name;  ///< In plain words, such as "learning rate".
  /// The setting's value in a cell, as text. Empty for
  ///   - the option of a mask method other than the cell's;
  ///   - the mask method itself, if it is continuous sparsification.
  std::function<std::string(const CellSettings&)> text;
};

/// The names of FitNumbers.
inline constexpr std::array kFitNumbers = {"epochs", "weight_decay", "l0_weight", "max_temperature"};
/// The text of one of them; empty if it is not set.
std::string text_of_number(const FitNumbers& numbers, std::string_view key);

/// The dimensions of the grid apart from variable, layer and block: seed, position, learning rate,
/// batch size, mask method, the option of each mask method, and FitNumbers.
std::vector<VariedSetting> grid_settings();

/// The settings in which some cells differ.
/// @param cells  a range whose elements have a member `settings`.
template <typename Cells>
std::vector<VariedSetting> varied_settings(std::vector<VariedSetting> settings, const Cells& cells) {
  std::erase_if(settings, [&](const VariedSetting& setting) {
    return std::ranges::all_of(
        cells, [&](const auto& cell) { return setting.text(cell.settings) == setting.text(cells.front().settings); });
  });
  return settings;
}

}  // namespace cprobe
