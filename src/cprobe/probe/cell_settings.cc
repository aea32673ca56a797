#include "cprobe/probe/cell_settings.h"

#include "cprobe/core/number_text.h"

namespace cprobe {

CellSettings settings_of(const Spec& spec, const Cell& cell) {
  return {.task = spec.data.task,
          .model = spec.model.folder.string(),
          .cell = cell,
          .data_seed = spec.probe.data_seed,
          .protocol = spec.probe.protocol,
          .control = spec.model.control,
          .mask_method = spec.probe.mask_method,
          .unit = spec.probe.unit};
}

std::string method_name(MaskKind mask_method) {
  if (mask_method == MaskKind::kContinuousSparsification) return std::string(kCircuitProbing);
  return fmt::format("{} ({})", kCircuitProbing, to_string(mask_method));
}

std::string text_of_number(const FitNumbers& numbers, std::string_view key) {
  for (const auto& [name, text] : numbers.texts()) {
    if (name == key) return text;
  }
  return {};
}

std::vector<VariedSetting> grid_settings() {
  std::vector<VariedSetting> settings = {
      {"seed", [](const CellSettings& s) { return std::to_string(s.cell.seed); }},
      {"position", [](const CellSettings& s) { return to_string(s.cell.position); }},
      {"learning rate", [](const CellSettings& s) { return number_text(s.cell.learning_rate); }},
      {"batch size", [](const CellSettings& s) { return std::to_string(s.cell.batch_size); }},
      {"mask method", [](const CellSettings& s) {
         return s.mask_method == MaskKind::kContinuousSparsification ? "" : std::string(to_string(s.mask_method));
       }}};
  for (const MaskKind kind : kMaskKinds) {
    std::string name(mask_option(kind).key);
    std::ranges::replace(name, '_', ' ');
    settings.push_back(
        {name, [kind](const CellSettings& s) { return s.mask_method == kind ? number_text(s.cell.mask_option) : ""; }});
  }
  for (const char* key : kFitNumbers) {
    std::string name(key);
    std::ranges::replace(name, '_', ' ');
    settings.push_back({name, [key](const CellSettings& s) { return text_of_number(s.cell.fit_numbers, key); }});
  }
  return settings;
}

}  // namespace cprobe
