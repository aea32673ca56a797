#include "cprobe/model/address.h"

#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"

namespace cprobe {

std::string_view to_string(Block block) {
  return block == Block::kAttention ? "attn" : "mlp";
}

std::string to_string(const ComponentRef& component) {
  return fmt::format("L{}.{}", component.layer, to_string(component.block));
}

std::string state_name(const ComponentRef& component) {
  return fmt::format("L{}.{}", component.layer, component.block == Block::kAttention ? "mid" : "post");
}

Block parse_block(std::string_view text) {
  if (text == "attn") return Block::kAttention;
  if (text == "mlp") return Block::kMlp;
  throw input_error("unknown block '{}': expected attn or mlp", text);
}

ComponentRef parse_component(std::string_view text) {
  const size_t dot = text.find('.');
  if (text.starts_with('L') && dot != std::string_view::npos) {
    const std::optional<int64_t> layer = whole_number<int64_t>(text.substr(1, dot - 1));
    if (layer && *layer >= 0) return {*layer, parse_block(text.substr(dot + 1))};
  }
  throw input_error("'{}' is no component: expected a layer and a block such as L6.attn", text);
}

}  // namespace cprobe
