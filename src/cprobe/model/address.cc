#include "cprobe/model/address.h"

#include <charconv>

#include "cprobe/core/error.h"

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
  int64_t layer = -1;
  if (text.starts_with('L') && dot != std::string_view::npos) {
    const char* end = text.data() + dot;
    const auto [parsed, problem] = std::from_chars(text.data() + 1, end, layer);
    if (problem == std::errc() && parsed == end && layer >= 0) return {layer, parse_block(text.substr(dot + 1))};
  }
  throw input_error("'{}' is no component: expected a layer and a block such as L6.attn", text);
}

}  // namespace cprobe
