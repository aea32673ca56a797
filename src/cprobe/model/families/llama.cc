#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"
#include "cprobe/model/families/rows.h"

namespace cprobe {
namespace {

using namespace llama_rows;

constexpr auto kLlamaWeights = joined(kEmbedding, kAttentionNorm, kAttentionInputs, kAttentionOutput, kMlpNorm,
                                      kMlpMatrices, kFinalNorm, kUnembedding);
constexpr auto kQwen3Weights = joined(kEmbedding, kAttentionNorm, kAttentionInputs, kAttentionOutput, kNormsOfEachHead,
                                      kMlpNorm, kMlpMatrices, kFinalNorm, kUnembedding);
constexpr std::array kLlamaSettings = {RequiredSetting{"num_local_experts", "null"},
                                       RequiredSetting{"num_experts", "null"}};

constexpr ConfigKeys kBiaslessLlamaKeys = {.n_kv_heads = "num_key_value_heads",
                                           .d_head = "head_dim",
                                           .norm_epsilon = "rms_norm_eps",
                                           .rotary_base = "rope_theta"};
constexpr ConfigKeys kQwen3Keys = {.n_kv_heads = "num_key_value_heads",
                                   .d_head = "head_dim",
                                   .norm_epsilon = "rms_norm_eps",
                                   .rotary_base = "rope_theta",
                                   .attention_bias = "attention_bias"};
constexpr ConfigKeys kBiasedLlamaKeys = {.n_kv_heads = "num_key_value_heads",
                                         .d_head = "head_dim",
                                         .norm_epsilon = "rms_norm_eps",
                                         .rotary_base = "rope_theta",
                                         .attention_bias = "attention_bias",
                                         .mlp_bias = "mlp_bias"};

constexpr Architecture llama_like(std::string_view model_type, std::string_view class_name, const ConfigKeys& keys,
                                  const ConfigDefaults& defaults, std::span<const WeightRow> weights,
                                  void (*read)(const Document&, ModelConfig&)) {
  return {.model_type = model_type,
          .class_name = class_name,
          .optional_prefix = "model.",
          .norm = Norm::kRms,
          .keys = keys,
          .defaults = defaults,
          .weights = weights,
          .required_settings = kLlamaSettings,
          .read = read};
}

/// Layers have a window from `max_window_layers` on, if windows are used at all.
void read_upper_windows(const Document& json, ModelConfig& config) {
  if (!flag_or(json, "use_sliding_window", false)) return require_full_attention(json, config);
  const int64_t first =
      value_or(json, "max_window_layers", int64_t{28}, [](const Document& v) { return as_count(v, 0); });
  read_windows(json, config, 4096, [&](int64_t layer) { return layer >= first; });
}

void read_window(const Document& json, ModelConfig& config) {
  read_one_window(json, config, 4096);
}

/// Some layers do not rotate. These have a window, if windows are used at all.
void read_unrotated_layers(const Document& json, ModelConfig& config) {
  const int64_t interval = value_or(json, "no_rope_layer_interval", int64_t{4}, positive);
  std::vector<bool> rotates;
  for (int64_t l = 0; l < config.n_layers; ++l) rotates.push_back((l + 1) % interval != 0);
  if (const Document* listed = json.given("no_rope_layers")) {
    if (std::ssize(listed->items()) != config.n_layers) {
      throw listed->error(
          fmt::format("has {} entries, but the model has {} layers", listed->items().size(), config.n_layers));
    }
    // The key's name notwithstanding, 1 stands for a layer that rotates.
    for (size_t l = 0; l < rotates.size(); ++l) rotates[l] = listed->items()[l].as_integer() != 0;
  }
  int64_t number = 0;
  for (LayerConfig& layer : every_layer(config)) {
    if (!rotates[static_cast<size_t>(number++)]) layer.rotary = {};
  }
  if (!flag_or(json, "use_sliding_window", false)) return require_full_attention(json, config);
  read_windows(json, config, 0, [&](int64_t layer) { return !rotates[static_cast<size_t>(layer)]; });
}

}  // namespace

constinit const Architecture kLlama =
    llama_like("llama", "LlamaForCausalLM", kBiasedLlamaKeys, {}, kLlamaWeights, nullptr);
constinit const Architecture kMistral =
    llama_like("mistral", "MistralForCausalLM", kBiaslessLlamaKeys, {}, kLlamaWeights, read_window);
constinit const Architecture kQwen2 =
    llama_like("qwen2", "Qwen2ForCausalLM", kBiaslessLlamaKeys, {.qkv_bias = true}, kLlamaWeights, read_upper_windows);
constinit const Architecture kQwen3 =
    llama_like("qwen3", "Qwen3ForCausalLM", kQwen3Keys, {.d_head = 128}, kQwen3Weights, read_upper_windows);
constinit const Architecture kSmolLm3 =
    llama_like("smollm3", "SmolLM3ForCausalLM", kBiasedLlamaKeys, {.tied_unembedding = true, .rotary_base = 2e6},
               kLlamaWeights, read_unrotated_layers);

}  // namespace cprobe
