#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cprobe {

struct ModelConfig;

/// The two kinds of component that write to the residual stream.
enum class Block { kAttention, kMlp };

std::string_view to_string(Block block);  ///< "attn" or "mlp".

/// One component of one layer. Its text form is "L6.attn".
struct ComponentRef {
  int64_t layer = 0;
  Block block = Block::kAttention;

  friend auto operator<=>(const ComponentRef&, const ComponentRef&) = default;
};

std::string to_string(const ComponentRef& component);

/// The name of the residual stream after a component: "L6.mid" after attention, "L6.post" after the
/// MLP.
std::string state_name(const ComponentRef& component);

/// @throws Error (kInput) if `text` is not of the form "L6.attn" or "L6.mlp".
ComponentRef parse_component(std::string_view text);

/// "attn" or "mlp". @throws Error (kInput) otherwise.
Block parse_block(std::string_view text);

/// A place in the residual stream, counted in components from the embedding. Layer l has three:
///   - site 2l: before the attention block;
///   - site 2l + 1: between attention block and MLP ("mid");
///   - site 2l + 2: after the MLP ("post").
struct Site {
  int64_t index = 0;

  static Site before(const ComponentRef& c) { return {2 * c.layer + (c.block == Block::kMlp ? 1 : 0)}; }
  static Site after(const ComponentRef& c) { return {before(c).index + 1}; }
  static Site start() { return {0}; }
  static Site end(const ModelConfig& config);
  /// The component that follows this site.
  ComponentRef next() const { return {index / 2, index % 2 == 0 ? Block::kAttention : Block::kMlp}; }

  friend auto operator<=>(const Site&, const Site&) = default;
};

}  // namespace cprobe
