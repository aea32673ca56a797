#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"
#include "cprobe/model/families/rows.h"

namespace cprobe {
namespace {

using namespace llama_rows;

constexpr auto kOlmoWeights = joined(kEmbedding, kAttentionInputs, kAttentionOutput, kMlpMatrices, kUnembedding);

constexpr std::array kOlmo2Norms = {
    WeightRow{"layers.{l}.attn.q_norm.weight", "model.layers.{l}.self_attn.q_norm.weight", kHeads},
    WeightRow{"layers.{l}.attn.k_norm.weight", "model.layers.{l}.self_attn.k_norm.weight", kKvHeads},
    WeightRow{"layers.{l}.attn.post_norm.weight", "model.layers.{l}.post_attention_layernorm.weight", kModel},
    WeightRow{"layers.{l}.mlp.post_norm.weight", "model.layers.{l}.post_feedforward_layernorm.weight", kModel},
};
constexpr auto kOlmo2Weights =
    joined(kEmbedding, kAttentionInputs, kAttentionOutput, kOlmo2Norms, kMlpMatrices, kFinalNorm, kUnembedding);

constexpr ConfigKeys kOlmoKeys = {.n_kv_heads = "num_key_value_heads",
                                  .d_head = "head_dim",
                                  .rotary_base = "rope_theta",
                                  .attention_bias = "attention_bias"};
constexpr ConfigKeys kOlmo2Keys = {.n_kv_heads = "num_key_value_heads",
                                   .d_head = "head_dim",
                                   .norm_epsilon = "rms_norm_eps",
                                   .rotary_base = "rope_theta",
                                   .attention_bias = "attention_bias"};

/// Norms have no weights. Queries, keys and values may be clipped.
void read_olmo(const Document& json, ModelConfig& config) {
  config.norm_weights = false;
  config.qkv_clip = value_or(json, "clip_qkv", 0.0, as_positive);
}

}  // namespace

constinit const Architecture kOlmo = {.model_type = "olmo",
                                      .class_name = "OlmoForCausalLM",
                                      .optional_prefix = "model.",
                                      .keys = kOlmoKeys,
                                      .defaults = {.norm_epsilon = 1e-5},
                                      .weights = kOlmoWeights,
                                      .read = read_olmo};

constinit const Architecture kOlmo2 = {
    .model_type = "olmo2",
    .class_name = "Olmo2ForCausalLM",
    .optional_prefix = "model.",
    .norm = Norm::kRms,
    .norms_before = false,
    .keys = kOlmo2Keys,
    .defaults = {.norm_epsilon = 1e-5},
    .weights = kOlmo2Weights,
};

}  // namespace cprobe
