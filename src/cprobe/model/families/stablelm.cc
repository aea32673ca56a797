#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"
#include "cprobe/model/families/rows.h"

namespace cprobe {
namespace {

using namespace llama_rows;

constexpr std::array kStableLmNorms = {
    WeightRow{"layers.{l}.attn.q.{h}.norm.weight", "model.layers.{l}.self_attn.q_layernorm.norms.{h}.weight", kOneHead,
              kNone, false, kQkNorms, kHeads},
    WeightRow{"layers.{l}.attn.k.{h}.norm.weight", "model.layers.{l}.self_attn.k_layernorm.norms.{h}.weight", kOneHead,
              kNone, false, kQkNorms, kKvHeads},
    WeightRow{"layers.{l}.mlp.norm.weight", "model.layers.{l}.post_attention_layernorm.weight", kModel, kNone, false,
              kOwnMlpNorm},
    WeightRow{"layers.{l}.mlp.norm.bias", "model.layers.{l}.post_attention_layernorm.bias", kModel, kNone, false,
              kOwnMlpNorm},
};
constexpr auto kStableLmWeights =
    joined(kEmbedding, kAttentionNorm, kAttentionNormBias, kAttentionInputs, kAttentionOutput, kStableLmNorms,
           kMlpMatrices, kFinalNorm, kFinalNormBias, kUnembedding);

/// In parallel, one norm feeds both blocks of a layer.
void read_stablelm(const Document& json, ModelConfig& config) {
  config.shared_norm = config.layers.front().parallel_residual;
  config.qk_norms = flag_or(json, "qk_layernorm", false);
}

}  // namespace

constinit const Architecture kStableLm = {.model_type = "stablelm",
                                          .class_name = "StableLmForCausalLM",
                                          .optional_prefix = "model.",
                                          .keys = {.n_kv_heads = "num_key_value_heads",
                                                   .norm_epsilon = "layer_norm_eps",
                                                   .rotary_base = "rope_theta",
                                                   .rotary_share = "partial_rotary_factor",
                                                   .parallel_residual = "use_parallel_residual",
                                                   .qkv_bias = "use_qkv_bias"},
                                          .defaults = {.norm_epsilon = 1e-5, .rotary_share = 0.25},
                                          .weights = kStableLmWeights,
                                          .read = read_stablelm};

}  // namespace cprobe
