#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"

namespace cprobe {
namespace {

using enum Axis;
using enum Presence;

constexpr std::array kOptWeights = {
    WeightRow{"embed.token", "model.decoder.embed_tokens.weight", kVocab, kEmbed},
    WeightRow{"embed.position", "model.decoder.embed_positions.weight", kPositions, kModel},
    WeightRow{"embed.in.weight", "model.decoder.project_in.weight", kModel, kEmbed, true, kEmbeddingMap},
    WeightRow{"layers.{l}.attn.norm.weight", "model.decoder.layers.{l}.self_attn_layer_norm.weight", kModel, kNone,
              false, kNormWeights},
    WeightRow{"layers.{l}.attn.norm.bias", "model.decoder.layers.{l}.self_attn_layer_norm.bias", kModel, kNone, false,
              kNormWeights},
    WeightRow{"layers.{l}.attn.q.weight", "model.decoder.layers.{l}.self_attn.q_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.q.bias", "model.decoder.layers.{l}.self_attn.q_proj.bias", kHeads, kNone, false,
              kQkvBias},
    WeightRow{"layers.{l}.attn.k.weight", "model.decoder.layers.{l}.self_attn.k_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.k.bias", "model.decoder.layers.{l}.self_attn.k_proj.bias", kHeads, kNone, false,
              kQkvBias},
    WeightRow{"layers.{l}.attn.v.weight", "model.decoder.layers.{l}.self_attn.v_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.v.bias", "model.decoder.layers.{l}.self_attn.v_proj.bias", kHeads, kNone, false,
              kQkvBias},
    WeightRow{"layers.{l}.attn.out.weight", "model.decoder.layers.{l}.self_attn.out_proj.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.attn.out.bias", "model.decoder.layers.{l}.self_attn.out_proj.bias", kModel, kNone, false,
              kAttentionOutBias},
    WeightRow{"layers.{l}.mlp.norm.weight", "model.decoder.layers.{l}.final_layer_norm.weight", kModel, kNone, false,
              kNormWeights},
    WeightRow{"layers.{l}.mlp.norm.bias", "model.decoder.layers.{l}.final_layer_norm.bias", kModel, kNone, false,
              kNormWeights},
    WeightRow{"layers.{l}.mlp.in.weight", "model.decoder.layers.{l}.fc1.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.in.bias", "model.decoder.layers.{l}.fc1.bias", kMlp, kNone, false, kMlpBias},
    WeightRow{"layers.{l}.mlp.out.weight", "model.decoder.layers.{l}.fc2.weight", kModel, kMlp, true},
    WeightRow{"layers.{l}.mlp.out.bias", "model.decoder.layers.{l}.fc2.bias", kModel, kNone, false, kMlpBias},
    WeightRow{"final_norm.weight", "model.decoder.final_layer_norm.weight", kModel, kNone, false, kFinalNormWeights},
    WeightRow{"final_norm.bias", "model.decoder.final_layer_norm.bias", kModel, kNone, false, kFinalNormWeights},
    WeightRow{"unembed.in.weight", "model.decoder.project_out.weight", kEmbed, kModel, true, kEmbeddingMap},
    WeightRow{"unembed", "lm_head.weight", kVocab, kEmbed, false, kUntied},
};
/// Norms after the blocks would normalise the stream itself, so that updates did not add up.
constexpr std::array kOptSettings = {RequiredSetting{"do_layer_norm_before", "true"}};

void read_opt(const Document& json, ModelConfig& config) {
  config.first_position = 2;
  config.d_embedding = value_or(json, "word_embed_proj_dim", config.d_model, positive);
  config.norm_weights = flag_or(json, "layer_norm_elementwise_affine", true);
  config.final_norm = !flag_or(json, "_remove_final_layer_norm", false);
}

}  // namespace

constinit const Architecture kOpt = {.model_type = "opt",
                                     .class_name = "OPTForCausalLM",
                                     .optional_prefix = "model.",
                                     .keys = {.d_mlp = "ffn_dim",
                                              .activation = "activation_function",
                                              .attention_bias = "enable_bias",
                                              .mlp_bias = "enable_bias"},
                                     .defaults = {.activation = Activation::kRelu,
                                                  .norm_epsilon = 1e-5,
                                                  .tied_unembedding = true,
                                                  .rotary_share = 0,
                                                  .qkv_bias = true,
                                                  .attention_out_bias = true,
                                                  .mlp_bias = true},
                                     .weights = kOptWeights,
                                     .required_settings = kOptSettings,
                                     .read = read_opt};

}  // namespace cprobe
