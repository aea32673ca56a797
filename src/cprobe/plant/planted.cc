#include "cprobe/plant/planted.h"

namespace cprobe {

void add_not_computed(Truth& truth, const PlantedRows& rows) {
  for (const PlantedRows::Function& function : rows.not_computed) {
    PlantedVariable variable{.name = function.name};
    if (function.is_of_copied) {
      variable.status = PlantedStatus::kCopied;
      variable.component = ComponentRef{0, Block::kAttention};
    }
    truth.variables.push_back(std::move(variable));
  }
}

std::vector<ComponentRef> components_behind(const ComponentRef& component, const ModelConfig& config) {
  std::vector<ComponentRef> behind;
  for (Site site = Site::after(component); site < Site::end(config); ++site.index) behind.push_back(site.next());
  return behind;
}

}  // namespace cprobe
