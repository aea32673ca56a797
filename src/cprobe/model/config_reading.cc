#include "cprobe/model/config_reading.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cprobe {
namespace {

constexpr std::array<std::string_view, 17> kScalingKeys = {
    "rope_type",
    "type",
    "factor",
    "rope_theta",
    "partial_rotary_factor",
    "original_max_position_embeddings",
    "low_freq_factor",
    "high_freq_factor",
    "beta_fast",
    "beta_slow",
    "attention_factor",
    "mscale",
    "mscale_all_dim",
    "truncate",
    "short_factor",
    "long_factor",
    "finetuned"  // Of old yarn files; nothing reads it.
};

constexpr std::string_view kFull = "full_attention", kSliding = "sliding_attention";

/// Refuses a file in which a second key for a setting has another value than `used`.
void require_same(const Document& map, std::string_view key, double used) {
  const Document* value = map.given(key);
  if (value == nullptr || value->as_number() == used) return;
  throw value->error(
      fmt::format("{} = {} would change the model's numbers; used is {}", key, value->as_number(), used));
}

std::vector<double> factors_of(const Document& list, int64_t n) {
  std::vector<double> factors;
  for (const Document& item : list.items()) factors.push_back(as_positive(item));
  if (std::ssize(factors) != n) {
    throw list.error(fmt::format("expected {} factors, one for each pair of coordinates, found {}", n, factors.size()));
  }
  return factors;
}

/// What scores grow by when frequencies are divided by `factor` (Peng et al. 2023, arXiv
/// 2309.00071), as its square root.
double yarn_amplitude(double factor, double scale = 1) {
  return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1;
}

void read_yarn(const Document& map, RotaryScaling& scaling) {
  scaling.high_frequency = value_or(map, "beta_fast", 32.0, as_positive);
  scaling.low_frequency = value_or(map, "beta_slow", 1.0, as_positive);
  scaling.whole_bounds = flag_or(map, "truncate", true);
  const Document *scale = map.given("mscale"), *of_all = map.given("mscale_all_dim");
  const bool has_both = scale != nullptr && of_all != nullptr && scale->as_number() != 0 && of_all->as_number() != 0;
  const double usual = has_both ? yarn_amplitude(scaling.factor, scale->as_number()) /
                                      yarn_amplitude(scaling.factor, of_all->as_number())
                                : yarn_amplitude(scaling.factor);
  scaling.amplitude = value_or(map, "attention_factor", usual, as_positive);
}

/// The original length stands beside `rope_scaling`, not in it.
void read_longrope(const Document& map, const Document& json, const Architecture& architecture,
                   const ModelConfig& config, int64_t n_pairs, RotaryScaling& scaling) {
  const Document* original = json.given("original_max_position_embeddings");
  const bool has_original = original != nullptr || architecture.defaults.n_original_positions > 0;
  if (has_original) {
    scaling.n_original_positions =
        original == nullptr ? architecture.defaults.n_original_positions : positive(*original);
    scaling.factor = static_cast<double>(config.n_positions) / static_cast<double>(scaling.n_original_positions);
  }
  // One inside the map is not read by all versions of `transformers`.
  require_same(map, "original_max_position_embeddings", static_cast<double>(scaling.n_original_positions));
  scaling.short_factors = factors_of(map.at("short_factor"), n_pairs);
  scaling.long_factors = factors_of(map.at("long_factor"), n_pairs);
  const double usual =
      scaling.factor <= 1
          ? 1
          : std::sqrt(1 + std::log(scaling.factor) / std::log(static_cast<double>(scaling.n_original_positions)));
  scaling.amplitude = value_or(map, "attention_factor", usual, as_positive);
}

/// Phi-3 knows one kind only, under three names.
bool is_longrope(std::string_view name, const Architecture& architecture) {
  return name == "longrope" || (architecture.model_type == "phi3" && (name == "su" || name == "yarn"));
}

RotaryScaling read_scaling(const Document& map, const Document& json, const Architecture& architecture,
                           const ModelConfig& config, int64_t n_dims) {
  using Kind = RotaryScaling::Kind;
  map.require_known_keys(kScalingKeys);
  const Document* kind = map.given("rope_type");
  const Document* also = map.given("type");
  if (kind == nullptr) kind = also;
  RotaryScaling scaling;
  if (kind == nullptr) return scaling;
  const std::string name = kind->as_text();
  if (also != nullptr && also->as_text() != name &&
      !(is_longrope(name, architecture) && is_longrope(also->as_text(), architecture))) {
    throw also->error(
        fmt::format("'{}' is not the rope_type '{}', and versions of transformers differ in which they read",
                    also->as_text(), name));
  }
  if (name == "default") return scaling;
  scaling.n_original_positions = value_or(map, "original_max_position_embeddings", config.n_positions, positive);
  if (is_longrope(name, architecture)) {
    scaling.kind = Kind::kLongrope;
    scaling.n_original_positions = config.n_positions;
    scaling.factor = value_or(map, "factor", 1.0, as_positive);
    read_longrope(map, json, architecture, config, n_dims / 2, scaling);
    return scaling;
  }
  if (name == "linear") {
    scaling.kind = Kind::kLinear;
  } else if (name == "llama3") {
    scaling.kind = Kind::kLlama3;
    scaling.low_frequency = as_positive(map.at("low_freq_factor"));
    scaling.high_frequency = as_positive(map.at("high_freq_factor"));
    scaling.n_original_positions = positive(map.at("original_max_position_embeddings"));
    if (scaling.high_frequency <= scaling.low_frequency) {
      throw map.at("high_freq_factor").error("must be above low_freq_factor");
    }
  } else if (name == "yarn") {
    scaling.kind = Kind::kYarn;
  } else if (name == "dynamic") {
    scaling.kind = Kind::kDynamic;
    scaling.n_original_positions = config.n_positions;
    if (n_dims == 2) throw kind->error("dynamic scaling of a single pair of coordinates is not defined");
  } else {
    throw kind->error(
        fmt::format("rope_scaling of type '{}' would change the model's numbers and is not implemented (linear, "
                    "llama3, yarn, dynamic and longrope are)",
                    name));
  }
  scaling.factor = as_positive(map.at("factor"));
  if (scaling.kind == Kind::kLinear) scaling.n_original_positions = 0;
  if (scaling.kind == Kind::kYarn) read_yarn(map, scaling);
  return scaling;
}

/// Tokens of `sliding_window`; 0: none.
int64_t window_of(const Document& json, int64_t otherwise) {
  const Document* value = json.find("sliding_window");
  if (value == nullptr) return otherwise;
  return value->is_null() ? 0 : positive(*value);
}

void require_one_per_layer(const Document& types, const ModelConfig& config) {
  const size_t n = types.items().size();
  if (static_cast<int64_t>(n) == config.n_layers) return;
  throw types.error(fmt::format("has {} entries, but the model has {} layers", n, config.n_layers));
}

}  // namespace

int64_t positive(const Document& value) {
  const int64_t number = value.as_integer();
  constexpr int64_t kLargest = int64_t{1} << 31;  // keeps the product of two sizes inside int64
  if (number < 1 || number > kLargest)
    throw value.error(fmt::format("expected a size from 1 to 2^31, found {}", number));
  return number;
}

bool flag_or(const Document& map, std::string_view key, bool otherwise) {
  return value_or(map, key, otherwise, &Document::as_bool);
}

Rotary read_rotary(const Document& json, const Architecture& architecture, const ModelConfig& config) {
  const ConfigKeys& keys = architecture.keys;
  if (architecture.defaults.rotary_share == 0) return {};
  // Newer files have one map for all settings of rotary embeddings.
  const Document* scaling = json.given("rope_parameters");
  if (scaling == nullptr) scaling = json.given("rope_scaling");
  // Where layers differ, there is a map for each kind of layer.
  if (scaling != nullptr && scaling->given(kFull) != nullptr) scaling = scaling->given(kFull);
  Rotary rotary{.base = value_or(json, keys.rotary_base, architecture.defaults.rotary_base, as_positive)};
  double share = value_or(json, keys.rotary_share, architecture.defaults.rotary_share, as_positive);
  if (json.given("rope_parameters") != nullptr && json.given("rope_scaling") != nullptr) {
    throw json.at("rope_scaling").error("stands beside rope_parameters; expected one of the two");
  }
  if (scaling != nullptr) {
    rotary.base = value_or(*scaling, "rope_theta", rotary.base, as_positive);
    if (keys.rotary_share.empty()) require_same(*scaling, "partial_rotary_factor", 1);
    share = value_or(*scaling, "partial_rotary_factor", share, as_positive);
  }
  require_same(json, "rope_theta", rotary.base);
  require_same(json, "partial_rotary_factor", share);
  rotary.n_dims = static_cast<int64_t>(static_cast<double>(config.d_head) * share);
  if (share > 1 || rotary.n_dims < 2 || rotary.n_dims % 2 != 0) {
    throw json.error(fmt::format("rotary embeddings of {} of a head's {} coordinates: expected an even number from 2",
                                 rotary.n_dims, config.d_head));
  }
  if (scaling != nullptr) rotary.scaling = read_scaling(*scaling, json, architecture, config, rotary.n_dims);
  return rotary;
}

std::vector<LayerConfig>& every_layer(ModelConfig& config) {
  std::vector<LayerConfig> layers;
  for (int64_t l = 0; l < config.n_layers; ++l) layers.push_back(config.layer(l));
  return config.layers = std::move(layers);
}

std::vector<bool> sliding_layers(const Document& json, const ModelConfig& config,
                                 const std::function<bool(int64_t layer)>& otherwise) {
  std::vector<bool> sliding;
  const Document* types = json.given("layer_types");
  if (types == nullptr) {
    for (int64_t l = 0; l < config.n_layers; ++l) sliding.push_back(otherwise(l));
    return sliding;
  }
  for (const Document& type : types->items()) {
    const std::string text = type.as_text();
    if (text != kFull && text != kSliding) {
      throw type.error(fmt::format("layer type '{}' is not implemented ({} and {} are)", text, kFull, kSliding));
    }
    sliding.push_back(text == kSliding);
  }
  require_one_per_layer(*types, config);
  return sliding;
}

void read_windows(const Document& json, ModelConfig& config, int64_t otherwise,
                  const std::function<bool(int64_t layer)>& by_rule) {
  const int64_t window = window_of(json, otherwise);
  const std::vector<bool> sliding = sliding_layers(json, config, by_rule);
  // A window that no row is longer than changes nothing.
  if (window == 0 || window >= config.max_row()) return;
  int64_t number = 0;
  for (LayerConfig& layer : every_layer(config)) {
    if (sliding[static_cast<size_t>(number++)]) layer.attention.window = window;
  }
}

void read_one_window(const Document& json, ModelConfig& config, int64_t otherwise) {
  const std::string_view expected = window_of(json, otherwise) > 0 ? kSliding : kFull;
  if (const Document* types = json.given("layer_types")) {
    for (const Document& type : types->items()) {
      if (type.as_text() == expected) continue;
      throw type.error(fmt::format(
          "layer type '{}' is not what sliding_window says, and versions of transformers differ in which they read",
          type.as_text()));
    }
  }
  read_windows(json, config, otherwise, [](int64_t) { return true; });
}

void require_full_attention(const Document& json, const ModelConfig& config) {
  const Document* types = json.given("layer_types");
  if (types == nullptr) return;
  require_one_per_layer(*types, config);
  for (const Document& type : types->items()) {
    if (type.as_text() != kFull) {
      throw type.error(
          fmt::format("layer type '{}' would change the model's numbers: this file uses no window", type.as_text()));
    }
  }
}

}  // namespace cprobe
