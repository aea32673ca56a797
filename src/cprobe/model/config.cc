#include "cprobe/model/config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/model/config_reading.h"
#include "cprobe/model/model_folder.h"

namespace cprobe {
namespace {

constexpr std::array<std::pair<std::string_view, Activation>, 7> kActivations = {{
    {"relu", Activation::kRelu},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu", Activation::kGelu},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
}};

/// Of every family.
constexpr std::array kSettingsOfAll = {
    RequiredSetting{"quantization_config", "null", "load the model dequantised, in bfloat16 or float32, and save it"},
    RequiredSetting{"is_causal", "true"}, RequiredSetting{"add_cross_attention", "false"},
    RequiredSetting{"is_encoder_decoder", "false"}, RequiredSetting{"pruned_heads", "{}"}};

Activation parse_activation(const Document& value) {
  const std::string text = value.as_text();
  std::vector<std::string> names;
  for (const auto& [name, activation] : kActivations) {
    if (name == text) return activation;
    names.emplace_back(name);
  }
  throw value.error(fmt::format("unknown activation '{}'; implemented: {}", text, fmt::join(names, ", ")));
}

std::string_view activation_name(Activation activation) {
  for (const auto& [name, value] : kActivations) {
    if (value == activation) return name;
  }
  throw failure("activation {} has no name", static_cast<int>(activation));
}

double not_negative(const Document& value) {
  return as_at_least(value, 0);
}

void check_required_settings(const Document& json, const Architecture& architecture) {
  const auto check = [&](const RequiredSetting& setting) {
    const Document* found = json.find(setting.key);
    if (found == nullptr) return;
    std::string text = found->is_map()    ? (found->entries().empty() ? "{}" : "{...}")
                       : found->is_list() ? "[...]"
                                          : "null";
    if (found->is_scalar()) text = found->as_text();
    if (text != setting.value) {
      throw found->error(fmt::format("{} = {} would change the model's numbers and is not implemented (only {} is){}",
                                     setting.key, text, setting.value,
                                     setting.advice.empty() ? "" : fmt::format("; {}", setting.advice)));
    }
  };
  std::ranges::for_each(kSettingsOfAll, check);
  std::ranges::for_each(architecture.required_settings, check);
}

nlohmann::ordered_json scaling_json(const RotaryScaling& scaling) {
  switch (scaling.kind) {
    case RotaryScaling::Kind::kNone:
      return nullptr;
    case RotaryScaling::Kind::kLinear:
      return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RotaryScaling::Kind::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low_frequency},
              {"high_freq_factor", scaling.high_frequency},
              {"original_max_position_embeddings", scaling.n_original_positions}};
    case RotaryScaling::Kind::kYarn:
    case RotaryScaling::Kind::kDynamic:
    case RotaryScaling::Kind::kLongrope:
      break;
  }
  throw failure("no keys for this rotary scaling");
}

/// Whether the keys that are known here say all of a config. Other configs need the file that they
/// were read from.
bool is_written(const ModelConfig& config) {
  constexpr std::array kFamilies = {"gpt2", "gpt_neox", "llama", "mistral", "qwen2"};
  const LayerConfig& layer = config.layer(0);
  return std::ranges::count(kFamilies, config.architecture) > 0 && config.layers.size() == 1 &&
         layer.attention == AttentionOptions() && layer.rotary.scaling.kind <= RotaryScaling::Kind::kLlama3;
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) require_model_folder(path.parent_path());
  const Document json = Document::read_json(path);
  if (!json.is_map()) throw json.error("expected a JSON object");
  const Document& model_type = json.at("model_type");
  const Architecture& architecture = find_architecture(model_type.as_text(), model_type.where());
  const ConfigKeys& keys = architecture.keys;
  const ConfigDefaults& defaults = architecture.defaults;
  check_required_settings(json, architecture);
  ModelConfig config{.architecture = std::string(architecture.model_type),
                     .vocab = positive(json.at("vocab_size")),
                     .n_positions = positive(json.at(keys.n_positions)),
                     .d_model = positive(json.at(keys.d_model)),
                     .n_layers = positive(json.at(keys.n_layers)),
                     .n_heads = positive(json.at(keys.n_heads))};
  config.n_kv_heads = value_or(json, keys.n_kv_heads, config.n_heads, positive);
  if (config.n_heads % config.n_kv_heads != 0) {
    throw json.at(keys.n_kv_heads).error(fmt::format("{} = {} is not a multiple of it", keys.n_heads, config.n_heads));
  }
  const bool has_d_head = !keys.d_head.empty() && json.given(keys.d_head) != nullptr;
  if (!has_d_head && defaults.d_head == 0 && config.d_model % config.n_heads != 0) {
    throw json.at(keys.n_heads)
        .error(fmt::format("{} = {} is not a multiple of {} = {}", keys.d_model, config.d_model, keys.n_heads,
                           config.n_heads));
  }
  config.d_head =
      value_or(json, keys.d_head, defaults.d_head == 0 ? config.d_model / config.n_heads : defaults.d_head, positive);
  config.d_mlp = defaults.mlp_widths > 0 ? value_or(json, keys.d_mlp, defaults.mlp_widths * config.d_model, positive)
                                         : positive(json.at(keys.d_mlp));
  config.activation = value_or(json, keys.activation, defaults.activation, parse_activation);
  config.norm_epsilon = value_or(json, keys.norm_epsilon, defaults.norm_epsilon, not_negative);
  config.initializer_range = value_or(json, "initializer_range", config.initializer_range, not_negative);
  config.tied_unembedding = flag_or(json, "tie_word_embeddings", defaults.tied_unembedding);
  config.layers = {{.rotary = read_rotary(json, architecture, config),
                    .parallel_residual = flag_or(json, keys.parallel_residual, defaults.parallel_residual)}};
  config.qkv_bias = flag_or(json, keys.qkv_bias.empty() ? keys.attention_bias : keys.qkv_bias, defaults.qkv_bias);
  config.attention_out_bias = flag_or(json, keys.attention_bias, defaults.attention_out_bias);
  config.mlp_bias = flag_or(json, keys.mlp_bias, defaults.mlp_bias);
  if (architecture.read != nullptr) {
    architecture.read(json, config);
  } else {
    require_full_attention(json, config);
  }
  const bool all_alike =
      std::ranges::all_of(config.layers, [&](const LayerConfig& layer) { return layer == config.layers.front(); });
  if (all_alike) config.layers.resize(1);
  config.json = read_file(path);
  return config;
}

std::string numbers_text(const ModelConfig& config) {
  if (is_written(config)) return config_json(config);
  std::string text =
      fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", config.architecture,
                  config.vocab, config.n_positions, config.d_model, config.n_layers, config.n_heads, config.n_kv_heads,
                  config.d_head, config.d_mlp, activation_name(config.activation), config.norm_epsilon,
                  config.tied_unembedding, config.qkv_bias, config.attention_out_bias, config.mlp_bias,
                  config.embedding_scale, config.d_embedding, config.first_position, config.logit_cap, config.qkv_clip,
                  config.qk_norms, config.norm_weights, config.final_norm, config.shared_norm, config.layers.size());
  for (const auto& [rotary, attention, parallel_residual] : config.layers) {
    const RotaryScaling& scaling = rotary.scaling;
    text += fmt::format("\n{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", rotary.n_dims, rotary.base,
                        rotary.turns_neighbours, static_cast<int>(scaling.kind), scaling.factor, scaling.low_frequency,
                        scaling.high_frequency, scaling.n_original_positions, scaling.whole_bounds,
                        fmt::join(scaling.short_factors, ","), fmt::join(scaling.long_factors, ","), scaling.amplitude,
                        attention.scale.has_value(), attention.scale.value_or(0), attention.soft_cap, attention.window,
                        parallel_residual);
  }
  return text;
}

std::string config_json(const ModelConfig& config) {
  const Architecture& architecture = find_architecture(config.architecture);
  const ConfigKeys& keys = architecture.keys;
  const LayerConfig& layer = config.layer(0);
  if (!is_written(config)) {
    if (config.json.empty()) {
      throw failure(
          "config.json of {} has no keys that are known here for all of its settings (those of later families, layers "
          "that differ, a scale, cap or window of attention), and was not read from a file",
          config.architecture);
    }
    nlohmann::ordered_json json = nlohmann::ordered_json::parse(config.json);
    nlohmann::ordered_json& d_mlp = json[std::string(keys.d_mlp)];
    if (!d_mlp.is_null() || config.d_mlp != architecture.defaults.mlp_widths * config.d_model) d_mlp = config.d_mlp;
    json.erase("dtype");
    json["torch_dtype"] = "float32";
    return json.dump(2) + "\n";
  }
  nlohmann::ordered_json json;
  const auto set = [&](std::string_view key, const auto& value) {
    if (!key.empty()) json[std::string(key)] = value;
  };
  json["architectures"] = {architecture.class_name};
  json["model_type"] = config.architecture;
  json["vocab_size"] = config.vocab;
  set(keys.n_positions, config.n_positions);
  set(keys.d_model, config.d_model);
  set(keys.n_layers, config.n_layers);
  set(keys.n_heads, config.n_heads);
  set(keys.n_kv_heads, config.n_kv_heads);
  set(keys.d_head, config.d_head);
  set(keys.d_mlp, config.d_mlp);
  set(keys.activation, activation_name(config.activation));
  set(keys.norm_epsilon, config.norm_epsilon);
  set(keys.rotary_base, layer.rotary.base);
  set(keys.rotary_share, static_cast<double>(layer.rotary.n_dims) / static_cast<double>(config.d_head));
  if (layer.rotary.n_dims > 0) json["rope_scaling"] = scaling_json(layer.rotary.scaling);
  set(keys.parallel_residual, layer.parallel_residual);
  set(keys.attention_bias, config.qkv_bias);
  set(keys.mlp_bias, config.mlp_bias);
  if (architecture.model_type == "mistral") json["sliding_window"] = nullptr;
  json["initializer_range"] = config.initializer_range;
  json["tie_word_embeddings"] = config.tied_unembedding;
  if (architecture.model_type == "gpt2") {
    for (const char* dropout : {"attn_pdrop", "embd_pdrop", "resid_pdrop"}) json[dropout] = 0.0;
  }
  json["torch_dtype"] = "float32";
  return json.dump(2) + "\n";
}

int64_t ModelConfig::max_row() const {
  const auto scaled = std::ranges::find_if(
      layers, [](const LayerConfig& layer) { return layer.rotary.scaling.kind == RotaryScaling::Kind::kDynamic; });
  if (scaled == layers.end()) return n_positions;
  return static_cast<int64_t>(scaled->rotary.scaling.factor * static_cast<double>(n_positions));
}

Site Site::end(const ModelConfig& config) {
  return {2 * config.n_layers};
}

bool reads_before_layer(const ModelConfig& config, const ComponentRef& component) {
  return component.block == Block::kMlp && config.layer(component.layer).parallel_residual;
}

void require_component(const ModelConfig& config, const ComponentRef& component) {
  if (component.layer < 0 || component.layer >= config.n_layers) {
    throw input_error("{}: the model has layers 0 to {}", to_string(component), config.n_layers - 1);
  }
}

}  // namespace cprobe
