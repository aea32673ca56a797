#include "cprobe/model/families/families.h"

namespace cprobe {
namespace {

using enum Axis;
using enum Presence;

constexpr std::array kNeoXWeights = {
    WeightRow{"embed.token", "gpt_neox.embed_in.weight", kVocab, kModel},
    WeightRow{"layers.{l}.attn.norm.weight", "gpt_neox.layers.{l}.input_layernorm.weight", kModel},
    WeightRow{"layers.{l}.attn.norm.bias", "gpt_neox.layers.{l}.input_layernorm.bias", kModel},
    WeightRow{"layers.{l}.attn.qkv.weight", "gpt_neox.layers.{l}.attention.query_key_value.weight", kQkv, kModel, true},
    WeightRow{"layers.{l}.attn.qkv.bias", "gpt_neox.layers.{l}.attention.query_key_value.bias", kQkv, kNone, false,
              kQkvBias},
    WeightRow{"layers.{l}.attn.out.weight", "gpt_neox.layers.{l}.attention.dense.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.attn.out.bias", "gpt_neox.layers.{l}.attention.dense.bias", kModel, kNone, false,
              kAttentionOutBias},
    WeightRow{"layers.{l}.mlp.norm.weight", "gpt_neox.layers.{l}.post_attention_layernorm.weight", kModel},
    WeightRow{"layers.{l}.mlp.norm.bias", "gpt_neox.layers.{l}.post_attention_layernorm.bias", kModel},
    WeightRow{"layers.{l}.mlp.in.weight", "gpt_neox.layers.{l}.mlp.dense_h_to_4h.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.in.bias", "gpt_neox.layers.{l}.mlp.dense_h_to_4h.bias", kMlp},
    WeightRow{"layers.{l}.mlp.out.weight", "gpt_neox.layers.{l}.mlp.dense_4h_to_h.weight", kModel, kMlp, true},
    WeightRow{"layers.{l}.mlp.out.bias", "gpt_neox.layers.{l}.mlp.dense_4h_to_h.bias", kModel},
    WeightRow{"final_norm.weight", "gpt_neox.final_layer_norm.weight", kModel},
    WeightRow{"final_norm.bias", "gpt_neox.final_layer_norm.bias", kModel},
    WeightRow{"unembed", "embed_out.weight", kVocab, kModel, false, kUntied},
};
constexpr std::array<std::string_view, 2> kNeoXIgnored = {".attention.bias", ".attention.masked_bias"};

}  // namespace

constinit const Architecture kGptNeoX = {.model_type = "gpt_neox",
                                         .class_name = "GPTNeoXForCausalLM",
                                         .optional_prefix = "gpt_neox.",
                                         .qkv_per_head = true,
                                         .keys = {.norm_epsilon = "layer_norm_eps",
                                                  .rotary_base = "rotary_emb_base",
                                                  .rotary_share = "rotary_pct",
                                                  .parallel_residual = "use_parallel_residual",
                                                  .attention_bias = "attention_bias"},
                                         .defaults = {.activation = Activation::kGelu,
                                                      .norm_epsilon = 1e-5,
                                                      .rotary_share = 0.25,
                                                      .parallel_residual = true,
                                                      .qkv_bias = true,
                                                      .attention_out_bias = true,
                                                      .mlp_bias = true},
                                         .weights = kNeoXWeights,
                                         .ignored_suffixes = kNeoXIgnored};

}  // namespace cprobe
