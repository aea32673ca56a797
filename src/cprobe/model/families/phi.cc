#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"
#include "cprobe/model/families/rows.h"

namespace cprobe {
namespace {

using namespace llama_rows;

constexpr std::array kPhiLayer = {
    WeightRow{"layers.{l}.attn.out.weight", "model.layers.{l}.self_attn.dense.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.attn.out.bias", "model.layers.{l}.self_attn.dense.bias", kModel},
    WeightRow{"layers.{l}.attn.q_norm.weight", "model.layers.{l}.self_attn.q_layernorm.weight", kOneHead, kNone, false,
              kQkNorms},
    WeightRow{"layers.{l}.attn.q_norm.bias", "model.layers.{l}.self_attn.q_layernorm.bias", kOneHead, kNone, false,
              kQkNorms},
    WeightRow{"layers.{l}.attn.k_norm.weight", "model.layers.{l}.self_attn.k_layernorm.weight", kOneHead, kNone, false,
              kQkNorms},
    WeightRow{"layers.{l}.attn.k_norm.bias", "model.layers.{l}.self_attn.k_layernorm.bias", kOneHead, kNone, false,
              kQkNorms},
    WeightRow{"layers.{l}.mlp.in.weight", "model.layers.{l}.mlp.fc1.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.in.bias", "model.layers.{l}.mlp.fc1.bias", kMlp},
    WeightRow{"layers.{l}.mlp.out.weight", "model.layers.{l}.mlp.fc2.weight", kModel, kMlp, true},
    WeightRow{"layers.{l}.mlp.out.bias", "model.layers.{l}.mlp.fc2.bias", kModel},
};
constexpr std::array kPhiEnds = {
    WeightRow{"final_norm.weight", "model.final_layernorm.weight", kModel},
    WeightRow{"final_norm.bias", "model.final_layernorm.bias", kModel},
    WeightRow{"unembed", "lm_head.weight", kVocab, kModel, false, kUntied},
    WeightRow{"unembed_bias", "lm_head.bias", kVocab},
};
constexpr auto kPhiWeights =
    joined(kEmbedding, kAttentionNorm, kAttentionNormBias, kAttentionInputs, kPhiLayer, kPhiEnds);

constexpr std::array kPhi3Layer = {
    WeightRow{"layers.{l}.attn.qkv.weight", "model.layers.{l}.self_attn.qkv_proj.weight", kQkv, kModel, true},
    WeightRow{"layers.{l}.attn.out.weight", "model.layers.{l}.self_attn.o_proj.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.mlp.norm.weight", "model.layers.{l}.post_attention_layernorm.weight", kModel},
    WeightRow{"layers.{l}.mlp.in.weight", "model.layers.{l}.mlp.gate_up_proj.weight", kTwoMlps, kModel, true},
    WeightRow{"layers.{l}.mlp.out.weight", "model.layers.{l}.mlp.down_proj.weight", kModel, kMlp, true},
};
constexpr auto kPhi3Weights = joined(kEmbedding, kAttentionNorm, kPhi3Layer, kFinalNorm, kUnembedding);

/// One norm feeds both blocks of a layer.
void read_phi(const Document& json, ModelConfig& config) {
  config.shared_norm = true;
  config.qk_norms = flag_or(json, "qk_layernorm", false);
}

void read_phi3(const Document& json, ModelConfig& config) {
  read_one_window(json, config, 0);
}

}  // namespace

constinit const Architecture kPhi = {.model_type = "phi",
                                     .class_name = "PhiForCausalLM",
                                     .optional_prefix = "model.",
                                     .keys = {.n_kv_heads = "num_key_value_heads",
                                              .d_head = "head_dim",
                                              .norm_epsilon = "layer_norm_eps",
                                              .rotary_base = "rope_theta",
                                              .rotary_share = "partial_rotary_factor"},
                                     .defaults = {.activation = Activation::kGeluTanh,
                                                  .norm_epsilon = 1e-5,
                                                  .rotary_share = 0.5,
                                                  .parallel_residual = true,
                                                  .qkv_bias = true,
                                                  .attention_out_bias = true,
                                                  .mlp_bias = true},
                                     .weights = kPhiWeights,
                                     .read = read_phi};

constinit const Architecture kPhi3 = {.model_type = "phi3",
                                      .class_name = "Phi3ForCausalLM",
                                      .optional_prefix = "model.",
                                      .norm = Norm::kRms,
                                      .keys = {.n_kv_heads = "num_key_value_heads",
                                               .d_head = "head_dim",
                                               .norm_epsilon = "rms_norm_eps",
                                               .rotary_base = "rope_theta",
                                               .rotary_share = "partial_rotary_factor"},
                                      .defaults = {.norm_epsilon = 1e-5, .n_original_positions = 4096},
                                      .weights = kPhi3Weights,
                                      .read = read_phi3};

}  // namespace cprobe
