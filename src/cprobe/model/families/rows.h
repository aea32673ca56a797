#pragma once

#include <array>

#include "cprobe/model/architecture.h"

namespace cprobe {

/// Tables of weights, one after the other.
template <size_t... kSizes>
constexpr auto joined(const std::array<WeightRow, kSizes>&... tables) {
  std::array<WeightRow, (kSizes + ...)> all;
  size_t n = 0;
  const auto add = [&](const auto& table) {
    for (const WeightRow& row : table) all[n++] = row;
  };
  (add(tables), ...);
  return all;
}

/// Weights under the names that Llama gave them, which most later families kept.
namespace llama_rows {

using enum Axis;
using enum Presence;

inline constexpr std::array kEmbedding = {
    WeightRow{"embed.token", "model.embed_tokens.weight", kVocab, kModel},
};
inline constexpr std::array kAttentionNorm = {
    WeightRow{"layers.{l}.attn.norm.weight", "model.layers.{l}.input_layernorm.weight", kModel},
};
inline constexpr std::array kAttentionNormBias = {
    WeightRow{"layers.{l}.attn.norm.bias", "model.layers.{l}.input_layernorm.bias", kModel},
};
inline constexpr std::array kAttentionInputs = {
    WeightRow{"layers.{l}.attn.q.weight", "model.layers.{l}.self_attn.q_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.q.bias", "model.layers.{l}.self_attn.q_proj.bias", kHeads, kNone, false, kQkvBias},
    WeightRow{"layers.{l}.attn.k.weight", "model.layers.{l}.self_attn.k_proj.weight", kKvHeads, kModel, true},
    WeightRow{"layers.{l}.attn.k.bias", "model.layers.{l}.self_attn.k_proj.bias", kKvHeads, kNone, false, kQkvBias},
    WeightRow{"layers.{l}.attn.v.weight", "model.layers.{l}.self_attn.v_proj.weight", kKvHeads, kModel, true},
    WeightRow{"layers.{l}.attn.v.bias", "model.layers.{l}.self_attn.v_proj.bias", kKvHeads, kNone, false, kQkvBias},
};
inline constexpr std::array kAttentionOutput = {
    WeightRow{"layers.{l}.attn.out.weight", "model.layers.{l}.self_attn.o_proj.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.attn.out.bias", "model.layers.{l}.self_attn.o_proj.bias", kModel, kNone, false,
              kAttentionOutBias},
};
/// Norms of queries and keys with one weight for all heads.
inline constexpr std::array kNormsOfEachHead = {
    WeightRow{"layers.{l}.attn.q_norm.weight", "model.layers.{l}.self_attn.q_norm.weight", kOneHead},
    WeightRow{"layers.{l}.attn.k_norm.weight", "model.layers.{l}.self_attn.k_norm.weight", kOneHead},
};
inline constexpr std::array kMlpNorm = {
    WeightRow{"layers.{l}.mlp.norm.weight", "model.layers.{l}.post_attention_layernorm.weight", kModel},
};
inline constexpr std::array kMlpMatrices = {
    WeightRow{"layers.{l}.mlp.gate.weight", "model.layers.{l}.mlp.gate_proj.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.gate.bias", "model.layers.{l}.mlp.gate_proj.bias", kMlp, kNone, false, kMlpBias},
    WeightRow{"layers.{l}.mlp.up.weight", "model.layers.{l}.mlp.up_proj.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.up.bias", "model.layers.{l}.mlp.up_proj.bias", kMlp, kNone, false, kMlpBias},
    WeightRow{"layers.{l}.mlp.out.weight", "model.layers.{l}.mlp.down_proj.weight", kModel, kMlp, true},
    WeightRow{"layers.{l}.mlp.out.bias", "model.layers.{l}.mlp.down_proj.bias", kModel, kNone, false, kMlpBias},
};
inline constexpr std::array kFinalNorm = {
    WeightRow{"final_norm.weight", "model.norm.weight", kModel},
};
inline constexpr std::array kFinalNormBias = {
    WeightRow{"final_norm.bias", "model.norm.bias", kModel},
};
inline constexpr std::array kUnembedding = {
    WeightRow{"unembed", "lm_head.weight", kVocab, kModel, false, kUntied},
};

}  // namespace llama_rows

}  // namespace cprobe
