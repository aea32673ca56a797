#include "cprobe/model/architecture.h"

#include <algorithm>
#include <array>

#include "cprobe/core/error.h"

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
constexpr std::array kGpt2Settings = {
    RequiredSetting{"scale_attn_weights", "true"},       RequiredSetting{"scale_attn_by_inverse_layer_idx", "false"},
    RequiredSetting{"reorder_and_upcast_attn", "false"}, RequiredSetting{"add_cross_attention", "false"},
    RequiredSetting{"quantization_config", "null"},
};
constexpr ConfigKeys kGpt2Keys = {.n_positions = "n_positions",
                                  .d_model = "n_embd",
                                  .n_layers = "n_layer",
                                  .n_heads = "n_head",
                                  .d_mlp = "n_inner",
                                  .activation = "activation_function",
                                  .norm_epsilon = "layer_norm_epsilon"};
constexpr ConfigDefaults kGpt2Defaults = {.activation = Activation::kGeluTanh,
                                          .norm_epsilon = 1e-5,
                                          .tied_unembedding = true,
                                          .rotary_share = 0,
                                          .qkv_bias = true,
                                          .attention_out_bias = true,
                                          .mlp_bias = true};

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
constexpr std::array<std::string_view, 3> kNeoXIgnored = {".attention.bias", ".attention.masked_bias",
                                                          ".attention.rotary_emb.inv_freq"};
constexpr std::array kNeoXSettings = {RequiredSetting{"quantization_config", "null"}};
constexpr ConfigKeys kNeoXKeys = {.norm_epsilon = "layer_norm_eps",
                                  .rotary_base = "rotary_emb_base",
                                  .rotary_share = "rotary_pct",
                                  .parallel_residual = "use_parallel_residual",
                                  .attention_bias = "attention_bias"};
constexpr ConfigDefaults kNeoXDefaults = {.activation = Activation::kGelu,
                                          .norm_epsilon = 1e-5,
                                          .rotary_share = 0.25,
                                          .parallel_residual = true,
                                          .qkv_bias = true,
                                          .attention_out_bias = true,
                                          .mlp_bias = true};

// The weights of Llama and its descendants. These families differ in biases only.
constexpr std::array kLlamaWeights = {
    WeightRow{"embed.token", "model.embed_tokens.weight", kVocab, kModel},
    WeightRow{"layers.{l}.attn.norm.weight", "model.layers.{l}.input_layernorm.weight", kModel},
    WeightRow{"layers.{l}.attn.q.weight", "model.layers.{l}.self_attn.q_proj.weight", kHeads, kModel, true},
    WeightRow{"layers.{l}.attn.q.bias", "model.layers.{l}.self_attn.q_proj.bias", kHeads, kNone, false, kQkvBias},
    WeightRow{"layers.{l}.attn.k.weight", "model.layers.{l}.self_attn.k_proj.weight", kKvHeads, kModel, true},
    WeightRow{"layers.{l}.attn.k.bias", "model.layers.{l}.self_attn.k_proj.bias", kKvHeads, kNone, false, kQkvBias},
    WeightRow{"layers.{l}.attn.v.weight", "model.layers.{l}.self_attn.v_proj.weight", kKvHeads, kModel, true},
    WeightRow{"layers.{l}.attn.v.bias", "model.layers.{l}.self_attn.v_proj.bias", kKvHeads, kNone, false, kQkvBias},
    WeightRow{"layers.{l}.attn.out.weight", "model.layers.{l}.self_attn.o_proj.weight", kModel, kHeads, true},
    WeightRow{"layers.{l}.attn.out.bias", "model.layers.{l}.self_attn.o_proj.bias", kModel, kNone, false,
              kAttentionOutBias},
    WeightRow{"layers.{l}.mlp.norm.weight", "model.layers.{l}.post_attention_layernorm.weight", kModel},
    WeightRow{"layers.{l}.mlp.gate.weight", "model.layers.{l}.mlp.gate_proj.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.gate.bias", "model.layers.{l}.mlp.gate_proj.bias", kMlp, kNone, false, kMlpBias},
    WeightRow{"layers.{l}.mlp.up.weight", "model.layers.{l}.mlp.up_proj.weight", kMlp, kModel, true},
    WeightRow{"layers.{l}.mlp.up.bias", "model.layers.{l}.mlp.up_proj.bias", kMlp, kNone, false, kMlpBias},
    WeightRow{"layers.{l}.mlp.out.weight", "model.layers.{l}.mlp.down_proj.weight", kModel, kMlp, true},
    WeightRow{"layers.{l}.mlp.out.bias", "model.layers.{l}.mlp.down_proj.bias", kModel, kNone, false, kMlpBias},
    WeightRow{"final_norm.weight", "model.norm.weight", kModel},
    WeightRow{"unembed", "lm_head.weight", kVocab, kModel, false, kUntied},
};
constexpr std::array<std::string_view, 1> kLlamaIgnored = {".self_attn.rotary_emb.inv_freq"};
constexpr std::array kLlamaSettings = {RequiredSetting{"quantization_config", "null"},
                                       RequiredSetting{"num_local_experts", "null"},
                                       RequiredSetting{"num_experts", "null"}};
constexpr ConfigKeys kBiaslessLlamaKeys = {.n_kv_heads = "num_key_value_heads",
                                           .d_head = "head_dim",
                                           .norm_epsilon = "rms_norm_eps",
                                           .rotary_base = "rope_theta"};
constexpr ConfigKeys kLlamaKeys = {.n_kv_heads = "num_key_value_heads",
                                   .d_head = "head_dim",
                                   .norm_epsilon = "rms_norm_eps",
                                   .rotary_base = "rope_theta",
                                   .attention_bias = "attention_bias",
                                   .mlp_bias = "mlp_bias"};

constexpr Architecture llama_like(std::string_view model_type, std::string_view class_name, const ConfigKeys& keys,
                                  const ConfigDefaults& defaults = {}) {
  return {.model_type = model_type,
          .class_name = class_name,
          .optional_prefix = "model.",
          .norm = Norm::kRms,
          .keys = keys,
          .defaults = defaults,
          .weights = kLlamaWeights,
          .ignored_suffixes = kLlamaIgnored,
          .required_settings = kLlamaSettings};
}

constexpr std::array kArchitectures = {
    Architecture{.model_type = "gpt2",
                 .class_name = "GPT2LMHeadModel",
                 .optional_prefix = "transformer.",
                 .keys = kGpt2Keys,
                 .defaults = kGpt2Defaults,
                 .weights = kGpt2Weights,
                 .ignored_suffixes = kGpt2Ignored,
                 .required_settings = kGpt2Settings},
    Architecture{.model_type = "gpt_neox",
                 .class_name = "GPTNeoXForCausalLM",
                 .optional_prefix = "gpt_neox.",
                 .qkv_per_head = true,
                 .keys = kNeoXKeys,
                 .defaults = kNeoXDefaults,
                 .weights = kNeoXWeights,
                 .ignored_suffixes = kNeoXIgnored,
                 .required_settings = kNeoXSettings},
    llama_like("llama", "LlamaForCausalLM", kLlamaKeys),
    llama_like("mistral", "MistralForCausalLM", kBiaslessLlamaKeys, {.sliding_window = 4096}),
    llama_like("qwen2", "Qwen2ForCausalLM", kBiaslessLlamaKeys, {.qkv_bias = true}),
};

bool is_present(Presence present, const ModelConfig& config) {
  switch (present) {
    case kAlways:
      return true;
    case kUntied:
      return !config.tied_unembedding;
    case kQkvBias:
      return config.qkv_bias;
    case kAttentionOutBias:
      return config.attention_out_bias;
    case kMlpBias:
      return config.mlp_bias;
  }
  throw failure("a weight is neither present nor absent");
}

int64_t length(Axis axis, const ModelConfig& config) {
  switch (axis) {
    case kVocab:
      return config.vocab;
    case kPositions:
      return config.n_positions;
    case kModel:
      return config.d_model;
    case kQkv:
      return (config.n_heads + 2 * config.n_kv_heads) * config.d_head;
    case kHeads:
      return config.n_heads * config.d_head;
    case kKvHeads:
      return config.n_kv_heads * config.d_head;
    case kMlp:
      return config.d_mlp;
    case kNone:
      break;
  }
  throw failure("an axis without length has no length");
}

constexpr std::string_view kLayer = "{l}";

std::string with_layer(std::string_view pattern, int64_t layer) {
  std::string name(pattern);
  if (const size_t at = name.find(kLayer); at != std::string::npos)
    name.replace(at, kLayer.size(), std::to_string(layer));
  return name;
}

WeightInfo instantiate(const WeightRow& row, const ModelConfig& config, int64_t layer) {
  WeightInfo info{.name = with_layer(row.name, layer),
                  .source = with_layer(row.source, layer),
                  .source_shape = {length(row.rows, config)},
                  .transposed = row.transposed};
  if (row.columns != kNone) info.source_shape.push_back(length(row.columns, config));
  return info;
}

}  // namespace

std::span<const Architecture> architectures() {
  return kArchitectures;
}

const Architecture& find_architecture(std::string_view model_type, const std::string& where) {
  std::vector<std::string_view> known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.model_type == model_type) return architecture;
    known.push_back(architecture.model_type);
  }
  throw input_error("{}{}model_type '{}' is not implemented; known: {}", where, where.empty() ? "" : ": ", model_type,
                    fmt::join(known, ", "));
}

std::vector<WeightInfo> weights_of(const ModelConfig& config) {
  const std::span<const WeightRow> rows = find_architecture(config.architecture).weights;
  const auto per_layer = [](const WeightRow& row) { return row.name.find(kLayer) != std::string_view::npos; };
  std::vector<WeightInfo> infos;
  for (auto row = rows.begin(); row != rows.end();) {
    // The rows of a layer stand together, and all of them come once for each layer.
    const auto end = std::find_if(row, rows.end(), [&](const WeightRow& r) { return per_layer(r) != per_layer(*row); });
    const int64_t n_times = per_layer(*row) ? config.n_layers : 1;
    for (int64_t layer = 0; layer < n_times; ++layer) {
      for (const WeightRow& r : std::span(row, end)) {
        if (is_present(r.present, config)) infos.push_back(instantiate(r, config, layer));
      }
    }
    row = end;
  }
  return infos;
}

std::vector<MatrixInfo> matrices_of(const ModelConfig& config, const ComponentRef& component) {
  require_component(config, component);
  const std::string prefix = fmt::format("layers.{}.{}.", component.layer, to_string(component.block));
  constexpr std::string_view kWeight = ".weight";
  std::vector<MatrixInfo> matrices;
  for (const WeightRow& row : find_architecture(config.architecture).weights) {
    if (row.columns == kNone) continue;
    const WeightInfo info = instantiate(row, config, component.layer);
    if (!info.name.starts_with(prefix)) continue;
    const std::string module = info.source.substr(0, info.source.size() - kWeight.size());
    const int64_t in = info.source_shape[info.transposed ? 1 : 0];
    const int64_t out = info.source_shape[info.transposed ? 0 : 1];
    matrices.push_back({.component = component,
                        .name = info.name.substr(0, info.name.size() - kWeight.size()),
                        .short_name = module.substr(module.rfind('.') + 1),
                        .source = info.source,
                        .n_in = in,
                        .n_out = out,
                        .transposed = info.transposed});
  }
  if (component.block == Block::kAttention) {
    MatrixInfo& values = matrices[matrices.size() - 2];  // the last of queries, keys and values, or all three in one
    values.n_heads = config.n_kv_heads;
    for (const MatrixInfo& matrix : matrices) values.weights_per_head += matrix.n_in * matrix.n_out / config.n_kv_heads;
  }
  return matrices;
}

}  // namespace cprobe
