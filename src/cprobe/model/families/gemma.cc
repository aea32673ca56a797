#include <cmath>

#include "cprobe/model/config_reading.h"
#include "cprobe/model/families/families.h"
#include "cprobe/model/families/rows.h"

namespace cprobe {
namespace {

using namespace llama_rows;

constexpr std::array kAttentionPostNorm = {
    WeightRow{"layers.{l}.attn.post_norm.weight", "model.layers.{l}.post_attention_layernorm.weight", kModel},
};
constexpr std::array kMlpNorms = {
    WeightRow{"layers.{l}.mlp.norm.weight", "model.layers.{l}.pre_feedforward_layernorm.weight", kModel},
    WeightRow{"layers.{l}.mlp.post_norm.weight", "model.layers.{l}.post_feedforward_layernorm.weight", kModel},
};
constexpr auto kGemmaWeights = joined(kEmbedding, kAttentionNorm, kAttentionInputs, kAttentionOutput, kMlpNorm,
                                      kMlpMatrices, kFinalNorm, kUnembedding);
constexpr auto kGemma2Weights = joined(kEmbedding, kAttentionNorm, kAttentionInputs, kAttentionOutput,
                                       kAttentionPostNorm, kMlpNorms, kMlpMatrices, kFinalNorm, kUnembedding);
constexpr auto kGemma3Weights = joined(kEmbedding, kAttentionNorm, kAttentionInputs, kAttentionOutput, kNormsOfEachHead,
                                       kAttentionPostNorm, kMlpNorms, kMlpMatrices, kFinalNorm, kUnembedding);

constexpr ConfigKeys keys_with(std::string_view activation) {
  return {.n_kv_heads = "num_key_value_heads",
          .d_head = "head_dim",
          .activation = activation,
          .norm_epsilon = "rms_norm_eps",
          .rotary_base = "rope_theta",
          .attention_bias = "attention_bias"};
}
constexpr ConfigDefaults kGemmaDefaults = {
    .activation = Activation::kGeluTanh, .d_head = 256, .tied_unembedding = true};
constexpr ConfigDefaults kGemma3Defaults = {
    .activation = Activation::kGeluTanh, .d_head = 256, .tied_unembedding = true, .rotary_base = 1e6};
/// `transformers` computes without this cap, whatever the key says.
constexpr std::array kGemma3Settings = {RequiredSetting{"attn_logit_softcapping", "null"},
                                        RequiredSetting{"use_bidirectional_attention", "false"}};

void read_embedding(const Document& /*json*/, ModelConfig& config) {
  config.embedding_scale = std::sqrt(static_cast<double>(config.d_model));
}

/// Earlier versions of `transformers` read `hidden_activation`, where nothing and null are the
/// usual one, and later ones `hidden_act`.
void read_gemma(const Document& json, ModelConfig& config) {
  read_embedding(json, config);
  const auto text = [&](const char* key) {
    return value_or(json, key, std::string("gelu_pytorch_tanh"), &Document::as_text);
  };
  if (text("hidden_act") == text("hidden_activation")) return;
  const Document* written = json.given("hidden_act");
  throw(written == nullptr ? json : *written)
      .error(fmt::format("hidden_act is {}, but hidden_activation {} (not given means gelu_pytorch_tanh, with which "
                         "Gemma was trained); versions of transformers differ in which they read, so give both the "
                         "same",
                         text("hidden_act"), text("hidden_activation")));
}

/// A soft cap. The key may be null: none.
double read_cap(const Document& json, std::string_view key, double otherwise) {
  const Document* value = json.find(key);
  if (value == nullptr) return otherwise;
  return value->is_null() ? 0 : as_positive(*value);
}

void read_scores(const Document& json, ModelConfig& config) {
  read_embedding(json, config);
  const double scale = 1 / std::sqrt(value_or(json, "query_pre_attn_scalar", 256.0, as_positive));
  for (LayerConfig& layer : config.layers) layer.attention.scale = scale;
}

void read_gemma2(const Document& json, ModelConfig& config) {
  read_scores(json, config);
  config.logit_cap = read_cap(json, "final_logit_softcapping", 30);
  const double cap = read_cap(json, "attn_logit_softcapping", 50);
  for (LayerConfig& layer : config.layers) layer.attention.soft_cap = cap;
  read_windows(json, config, 4096, [](int64_t layer) { return layer % 2 == 0; });
}

/// Layers with a window rotate by a base of their own, without scaling.
void read_gemma3(const Document& json, ModelConfig& config) {
  read_scores(json, config);
  config.logit_cap = read_cap(json, "final_logit_softcapping", 0);
  double local_base = value_or(json, "rope_local_base_freq", 1e4, as_positive);
  if (const Document* by_kind = json.given("rope_parameters")) {
    if (const Document* local = by_kind->given("sliding_attention")) {
      local_base = value_or(*local, "rope_theta", local_base, as_positive);
      const Document* kind = local->given("rope_type");
      if (kind != nullptr && kind->as_text() != "default") {
        throw kind->error("layers with a window rotate without scaling: expected default");
      }
    }
  }
  const Document* other_base = json.given("rope_local_base_freq");
  if (other_base != nullptr && other_base->as_number() != local_base) {
    throw other_base->error(fmt::format("is not the base of rope_parameters, {}", local_base));
  }
  const int64_t interval = value_or(json, "sliding_window_pattern", int64_t{6}, positive);
  const auto is_local = [&](int64_t layer) { return (layer + 1) % interval != 0; };
  const std::vector<bool> local = sliding_layers(json, config, is_local);
  int64_t number = 0;
  for (LayerConfig& layer : every_layer(config)) {
    if (local[static_cast<size_t>(number++)]) layer.rotary = {.n_dims = layer.rotary.n_dims, .base = local_base};
  }
  read_windows(json, config, 4096, is_local);
}

constexpr Architecture gemma_like(std::string_view model_type, std::string_view class_name, const ConfigKeys& keys,
                                  const ConfigDefaults& defaults, std::span<const WeightRow> weights,
                                  std::span<const RequiredSetting> settings,
                                  void (*read)(const Document&, ModelConfig&)) {
  return {.model_type = model_type,
          .class_name = class_name,
          .optional_prefix = "model.",
          .norm = Norm::kRmsPlusOne,
          .keys = keys,
          .defaults = defaults,
          .weights = weights,
          .required_settings = settings,
          .read = read};
}

}  // namespace

constinit const Architecture kGemma =
    gemma_like("gemma", "GemmaForCausalLM", keys_with("hidden_act"), kGemmaDefaults, kGemmaWeights, {}, read_gemma);
constinit const Architecture kGemma2 = gemma_like("gemma2", "Gemma2ForCausalLM", keys_with("hidden_activation"),
                                                  kGemmaDefaults, kGemma2Weights, {}, read_gemma2);
constinit const Architecture kGemma3 = gemma_like("gemma3_text", "Gemma3ForCausalLM", keys_with("hidden_activation"),
                                                  kGemma3Defaults, kGemma3Weights, kGemma3Settings, read_gemma3);

}  // namespace cprobe
