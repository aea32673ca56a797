#include <cmath>

#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"

namespace cprobe {
namespace {

using enum Axis;
using enum Presence;

// GPT-2 stores linear maps as Conv1D, [n_in, n_out], so no matrix is transposed.
constexpr std::array kGpt2Weights = {
    WeightRow{"embed.token", "transformer.wte.weight", kVocab, kModel},
    WeightRow{"embed.position", "transformer.wpe.weight", kPositions, kModel},
    WeightRow{"layers.{l}.attn.norm.weight", "transformer.h.{l}.ln_1.weight", kModel},
    WeightRow{"layers.{l}.attn.norm.bias", "transformer.h.{l}.ln_1.bias", kModel},
    WeightRow{"layers.{l}.attn.qkv.weight", "transformer.h.{l}.attn.c_attn.weight", kModel, kQkv},
    WeightRow{"layers.{l}.attn.qkv.bias", "transformer.h.{l}.attn.c_attn.bias", kQkv},
    WeightRow{"layers.{l}.attn.out.weight", "transformer.h.{l}.attn.c_proj.weight", kHeads, kModel},
    WeightRow{"layers.{l}.attn.out.bias", "transformer.h.{l}.attn.c_proj.bias", kModel},
    WeightRow{"layers.{l}.mlp.norm.weight", "transformer.h.{l}.ln_2.weight", kModel},
    WeightRow{"layers.{l}.mlp.norm.bias", "transformer.h.{l}.ln_2.bias", kModel},
    WeightRow{"layers.{l}.mlp.in.weight", "transformer.h.{l}.mlp.c_fc.weight", kModel, kMlp},
    WeightRow{"layers.{l}.mlp.in.bias", "transformer.h.{l}.mlp.c_fc.bias", kMlp},
    WeightRow{"layers.{l}.mlp.out.weight", "transformer.h.{l}.mlp.c_proj.weight", kMlp, kModel},
    WeightRow{"layers.{l}.mlp.out.bias", "transformer.h.{l}.mlp.c_proj.bias", kModel},
    WeightRow{"final_norm.weight", "transformer.ln_f.weight", kModel},
    WeightRow{"final_norm.bias", "transformer.ln_f.bias", kModel},
    WeightRow{"unembed", "lm_head.weight", kVocab, kModel, false, kUntied},
};
constexpr std::array<std::string_view, 2> kGpt2Ignored = {".attn.bias", ".attn.masked_bias"};

/// Scores may also be divided by layer + 1, and need not be divided by the root of d_head.
void read_gpt2(const Document& json, ModelConfig& config) {
  const bool by_head = flag_or(json, "scale_attn_weights", true);
  const bool by_layer = flag_or(json, "scale_attn_by_inverse_layer_idx", false);
  if (by_head && !by_layer) return;
  const double scale = by_head ? 1 / std::sqrt(static_cast<double>(config.d_head)) : 1;
  int64_t number = 0;
  for (LayerConfig& layer : every_layer(config))
    layer.attention.scale = by_layer ? scale / static_cast<double>(++number) : scale;
}

}  // namespace

constinit const Architecture kGpt2 = {.model_type = "gpt2",
                                      .class_name = "GPT2LMHeadModel",
                                      .optional_prefix = "transformer.",
                                      .keys = {.n_positions = "n_positions",
                                               .d_model = "n_embd",
                                               .n_layers = "n_layer",
                                               .n_heads = "n_head",
                                               .d_mlp = "n_inner",
                                               .activation = "activation_function",
                                               .norm_epsilon = "layer_norm_epsilon"},
                                      .defaults = {.activation = Activation::kGeluTanh,
                                                   .norm_epsilon = 1e-5,
                                                   .mlp_widths = 4,
                                                   .tied_unembedding = true,
                                                   .rotary_share = 0,
                                                   .qkv_bias = true,
                                                   .attention_out_bias = true,
                                                   .mlp_bias = true},
                                      .weights = kGpt2Weights,
                                      .ignored_suffixes = kGpt2Ignored,
                                      .read = read_gpt2};

}  // namespace cprobe
