#include "cprobe/model/config.h"

#include "cprobe/core/error.h"

namespace cprobe {

Site Site::end(const ModelConfig& config) {
  return {2 * config.n_layers};
}

void require_component(const ModelConfig& config, const ComponentRef& component) {
  if (component.layer < 0 || component.layer >= config.n_layers) {
    throw input_error("{}: the model has layers 0 to {}", to_string(component), config.n_layers - 1);
  }
}

}  // namespace cprobe
