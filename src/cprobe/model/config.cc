#include "cprobe/model/config.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/io/document.h"
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

int64_t positive(const Document& map, std::string_view key) {
  const Document& value = map.at(key);
  const int64_t number = value.as_integer();
  constexpr int64_t kLargest = int64_t{1} << 31;  // keeps every product of two sizes inside int64
  if (number < 1 || number > kLargest)
    throw value.error(fmt::format("expected a size from 1 to 2^31, found {}", number));
  return number;
}

double not_negative(const Document& value) {
  const double number = value.as_number();
  if (number < 0) throw value.error(fmt::format("expected a number of at least 0, found {}", number));
  return number;
}

void check_required_settings(const Document& json, const Architecture& architecture) {
  for (const RequiredSetting& setting : architecture.required_settings) {
    const Document* found = json.find(setting.key);
    if (found == nullptr) continue;
    const std::string text = found->is_null() ? "null" : found->is_scalar() ? found->as_text() : "a list or map";
    if (text != setting.value) {
      throw found->error(fmt::format("{} = {} would change the model's numbers and is not implemented (only {} is)",
                                     setting.key, text, setting.value));
    }
  }
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& path) {
  const Document json = Document::read_json(path);
  if (!json.is_map()) throw json.error("expected a JSON object");
  ModelConfig config;
  const Document& model_type = json.at("model_type");
  const Architecture& architecture = find_architecture(model_type.as_text(), model_type.where());
  config.architecture = architecture.model_type;
  check_required_settings(json, architecture);
  config.vocab = positive(json, "vocab_size");
  config.n_positions = positive(json, "n_positions");
  config.d_model = positive(json, "n_embd");
  config.n_layers = positive(json, "n_layer");
  config.n_heads = positive(json, "n_head");
  config.n_kv_heads = config.n_heads;
  if (config.d_model % config.n_heads != 0) {
    throw json.at("n_head").error(
        fmt::format("n_embd = {} is not a multiple of n_head = {}", config.d_model, config.n_heads));
  }
  config.d_head = config.d_model / config.n_heads;
  const Document* d_mlp = json.find("n_inner");
  config.d_mlp = d_mlp == nullptr || d_mlp->is_null() ? 4 * config.d_model : positive(json, "n_inner");
  if (const Document* value = json.find("activation_function")) config.activation = parse_activation(*value);
  if (const Document* value = json.find("layer_norm_epsilon")) config.norm_epsilon = not_negative(*value);
  if (const Document* value = json.find("initializer_range")) config.initializer_range = not_negative(*value);
  if (const Document* value = json.find("tie_word_embeddings")) config.tied_unembedding = value->as_bool();
  return config;
}

std::string config_json(const ModelConfig& config) {
  nlohmann::ordered_json json;
  json["architectures"] = {"GPT2LMHeadModel"};
  json["model_type"] = config.architecture;
  json["vocab_size"] = config.vocab;
  json["n_positions"] = config.n_positions;
  json["n_embd"] = config.d_model;
  json["n_layer"] = config.n_layers;
  json["n_head"] = config.n_heads;
  json["n_inner"] = config.d_mlp;
  json["activation_function"] = activation_name(config.activation);
  json["layer_norm_epsilon"] = config.norm_epsilon;
  json["initializer_range"] = config.initializer_range;
  json["tie_word_embeddings"] = config.tied_unembedding;
  for (const char* dropout : {"attn_pdrop", "embd_pdrop", "resid_pdrop"}) json[dropout] = 0.0;
  json["torch_dtype"] = "float32";
  return json.dump(2) + "\n";
}

std::string_view to_string(Block block) {
  return block == Block::kAttention ? "attn" : "mlp";
}

std::string to_string(const ComponentRef& component) {
  return fmt::format("L{}.{}", component.layer, to_string(component.block));
}

Block parse_block(std::string_view text) {
  if (text == "attn") return Block::kAttention;
  if (text == "mlp") return Block::kMlp;
  throw input_error("unknown block '{}': expected attn or mlp", text);
}

ComponentRef parse_component(std::string_view text) {
  const size_t dot = text.find('.');
  int64_t layer = -1;
  if (text.starts_with('L') && dot != std::string_view::npos) {
    const char* end = text.data() + dot;
    const auto [parsed, problem] = std::from_chars(text.data() + 1, end, layer);
    if (problem == std::errc() && parsed == end && layer >= 0) return {layer, parse_block(text.substr(dot + 1))};
  }
  throw input_error("'{}' is no component: expected a layer and a block such as L6.attn", text);
}

void require_component(const ModelConfig& config, const ComponentRef& component) {
  if (component.layer < 0 || component.layer >= config.n_layers) {
    throw input_error("{}: the model has layers 0 to {}", to_string(component), config.n_layers - 1);
  }
}

}  // namespace cprobe
