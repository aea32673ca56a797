#include "cprobe/model/config.h"

#include <array>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/io/document_values.h"
#include "cprobe/model/architecture.h"

namespace cprobe {
namespace {

constexpr std::array<std::pair<std::string_view, Activation>, 6> kActivations = {{
    {"relu", Activation::kRelu},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu", Activation::kGelu},
    {"silu", Activation::kSilu},
}};

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

int64_t positive(const Document& value) {
  const int64_t number = value.as_integer();
  constexpr int64_t kLargest = int64_t{1} << 31;  // keeps the product of two sizes inside int64
  if (number < 1 || number > kLargest)
    throw value.error(fmt::format("expected a size from 1 to 2^31, found {}", number));
  return number;
}

double not_negative(const Document& value) {
  return as_at_least(value, 0);
}

/// The converted value of an optional key. `otherwise` if `key` is empty (the family has no such
/// key) or the file lacks the key.
template <typename Value, typename Convert>
Value value_or(const Document& map, std::string_view key, Value otherwise, Convert convert) {
  const Document* value = key.empty() ? nullptr : map.given(key);
  return value == nullptr ? otherwise : std::invoke(convert, *value);
}

bool flag_or(const Document& map, std::string_view key, bool otherwise) {
  return value_or(map, key, otherwise, &Document::as_bool);
}

void check_required_settings(const Document& json, const Architecture& architecture) {
  for (const RequiredSetting& setting : architecture.required_settings) {
    const Document* found = json.find(setting.key);
    if (found == nullptr) continue;
    std::string text = found->is_map() ? "{...}" : found->is_list() ? "[...]" : "null";
    if (found->is_scalar()) text = found->as_text();
    if (text != setting.value) {
      throw found->error(fmt::format("{} = {} would change the model's numbers and is not implemented (only {} is)",
                                     setting.key, text, setting.value));
    }
  }
}

/// Refuses attention with a sliding window, unless the window covers the longest sequence.
void check_sliding_window(const Document& json, const Architecture& architecture, int64_t n_positions) {
  if (!flag_or(json, "use_sliding_window", true)) return;
  const Document* value = json.find("sliding_window");
  const bool is_null = value != nullptr && value->is_null();
  const int64_t window = value == nullptr ? architecture.defaults.sliding_window : is_null ? 0 : positive(*value);
  if (window == 0 || window >= n_positions) return;
  throw(value == nullptr ? json : *value)
      .error(fmt::format("sliding_window = {} would change the model's numbers and is not implemented; where all your "
                         "sequences are shorter, set it to null",
                         window));
}

void check_layer_types(const Document& json) {
  const Document* types = json.given("layer_types");
  if (types == nullptr) return;
  for (const Document& type : types->items()) {
    if (type.as_text() != "full_attention") {
      throw type.error(fmt::format("layer type '{}' is not implemented (only full_attention is)", type.as_text()));
    }
  }
}

RotaryScaling read_scaling(const Document& map) {
  const Document* kind = map.given("rope_type");
  if (kind == nullptr) kind = map.given("type");
  RotaryScaling scaling;
  if (kind == nullptr || kind->as_text() == "default") return scaling;
  const std::string name = kind->as_text();
  if (name == "linear") {
    scaling.kind = RotaryScaling::Kind::kLinear;
  } else if (name == "llama3") {
    scaling.kind = RotaryScaling::Kind::kLlama3;
    scaling.low_frequency = as_positive(map.at("low_freq_factor"));
    scaling.high_frequency = as_positive(map.at("high_freq_factor"));
    scaling.n_original_positions = positive(map.at("original_max_position_embeddings"));
    if (scaling.high_frequency <= scaling.low_frequency) {
      throw map.at("high_freq_factor").error("must be above low_freq_factor");
    }
  } else {
    throw kind->error(
        fmt::format("rope_scaling of type '{}' would change the model's numbers and is not implemented (linear and "
                    "llama3 are)",
                    name));
  }
  scaling.factor = as_positive(map.at("factor"));
  return scaling;
}

/// Refuses a file in which a second key for a setting has another value than `used`.
void require_same(const Document& map, std::string_view key, double used) {
  const Document* value = map.given(key);
  if (value == nullptr || value->as_number() == used) return;
  throw value->error(
      fmt::format("{} = {} would change the model's numbers; used is {}", key, value->as_number(), used));
}

Rotary read_rotary(const Document& json, const Architecture& architecture, int64_t d_head) {
  const ConfigKeys& keys = architecture.keys;
  if (architecture.defaults.rotary_share == 0) return {};
  // Newer files have one map for all settings of rotary embeddings.
  const Document* parameters = json.given("rope_parameters");
  const Document* scaling = parameters == nullptr ? json.given("rope_scaling") : parameters;
  Rotary rotary{.base = value_or(json, keys.rotary_base, architecture.defaults.rotary_base, as_positive)};
  double share = value_or(json, keys.rotary_share, architecture.defaults.rotary_share, as_positive);
  if (parameters != nullptr) {
    rotary.base = value_or(*parameters, "rope_theta", rotary.base, as_positive);
    share = value_or(*parameters, "partial_rotary_factor", share, as_positive);
  }
  require_same(json, "rope_theta", rotary.base);
  require_same(json, "partial_rotary_factor", share);
  if (scaling != nullptr) rotary.scaling = read_scaling(*scaling);
  rotary.n_dims = static_cast<int64_t>(static_cast<double>(d_head) * share);
  if (share > 1 || rotary.n_dims < 2 || rotary.n_dims % 2 != 0) {
    throw json.error(fmt::format("rotary embeddings of {} of a head's {} coordinates: expected an even number from 2",
                                 rotary.n_dims, d_head));
  }
  return rotary;
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
  }
  throw failure("unknown rotary scaling");
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& path) {
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
  check_sliding_window(json, architecture, config.n_positions);
  check_layer_types(json);
  config.n_kv_heads = value_or(json, keys.n_kv_heads, config.n_heads, positive);
  if (config.n_heads % config.n_kv_heads != 0) {
    throw json.at(keys.n_kv_heads).error(fmt::format("{} = {} is not a multiple of it", keys.n_heads, config.n_heads));
  }
  const bool has_d_head = !keys.d_head.empty() && json.given(keys.d_head) != nullptr;
  if (!has_d_head && config.d_model % config.n_heads != 0) {
    throw json.at(keys.n_heads)
        .error(fmt::format("{} = {} is not a multiple of {} = {}", keys.d_model, config.d_model, keys.n_heads,
                           config.n_heads));
  }
  config.d_head = value_or(json, keys.d_head, config.d_model / config.n_heads, positive);
  // Files of GPT-2 may omit the key or set it to null. Other families require the key.
  config.d_mlp = keys.d_mlp == "n_inner" ? value_or(json, keys.d_mlp, 4 * config.d_model, positive)
                                         : positive(json.at(keys.d_mlp));
  config.activation = value_or(json, keys.activation, defaults.activation, parse_activation);
  config.norm_epsilon = value_or(json, keys.norm_epsilon, defaults.norm_epsilon, not_negative);
  config.initializer_range = value_or(json, "initializer_range", config.initializer_range, not_negative);
  config.tied_unembedding = flag_or(json, "tie_word_embeddings", defaults.tied_unembedding);
  config.layers = {{.rotary = read_rotary(json, architecture, config.d_head),
                    .parallel_residual = flag_or(json, keys.parallel_residual, defaults.parallel_residual)}};
  config.qkv_bias = flag_or(json, keys.attention_bias, defaults.qkv_bias);
  config.attention_out_bias = flag_or(json, keys.attention_bias, defaults.attention_out_bias);
  config.mlp_bias = flag_or(json, keys.mlp_bias, defaults.mlp_bias);
  return config;
}

std::string config_json(const ModelConfig& config) {
  const Architecture& architecture = find_architecture(config.architecture);
  const ConfigKeys& keys = architecture.keys;
  const LayerConfig& layer = config.layer(0);
  if (config.layers.size() > 1 || layer.attention != AttentionOptions()) {
    throw failure("config.json of {} has no keys for layers that differ, nor for a scale, cap or window of attention",
                  config.architecture);
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
  if (architecture.defaults.sliding_window != 0) json["sliding_window"] = nullptr;
  json["initializer_range"] = config.initializer_range;
  json["tie_word_embeddings"] = config.tied_unembedding;
  if (architecture.model_type == "gpt2") {
    for (const char* dropout : {"attn_pdrop", "embd_pdrop", "resid_pdrop"}) json[dropout] = 0.0;
  }
  json["torch_dtype"] = "float32";
  return json.dump(2) + "\n";
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
