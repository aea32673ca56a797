#include "cprobe/model/config.h"

#include "cprobe/core/error.h"

namespace cprobe {

Site Site::end(const ModelConfig& config) {
  return {2 * config.n_layers};
}

bool reads_before_layer(const ModelConfig& config, const ComponentRef& component) {
  return component.block == Block::kMlp && config.layer(component.layer).parallel_residual;
}

void require_component(const ModelConfig& config, const ComponentRef& component) {
  if (component.layer < 0 || component.layer >= config.n_layers) {
    throw input_error("{}: the model has layers 0 to {}", to_string(component), config.n_layers - 1);
  }
}

}  // namespace cprobe
