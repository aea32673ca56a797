#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/model/address.h"

namespace cprobe {

enum class Activation { kRelu, kGeluTanh, kGelu, kSilu };

/// How the frequencies of rotary embeddings are stretched beyond the context of pre-training (`rope_scaling`).
struct RotaryScaling {
  enum class Kind { kNone, kLinear, kLlama3 };
  Kind kind = Kind::kNone;
  double factor = 1.0;  ///< Frequencies are divided by it: all of them (kLinear), or the low ones (kLlama3).
  /// kLlama3: wavelengths of over n_original_positions / low_frequency are stretched whole, those below
  /// n_original_positions / high_frequency not at all, those between in part.
  double low_frequency = 1.0;
  double high_frequency = 4.0;
  int64_t n_original_positions = 0;

  friend bool operator==(const RotaryScaling&, const RotaryScaling&) = default;
};

/// Rotary position embeddings (Su et al. 2021, arXiv 2104.09864): coordinates i and i + n_dims / 2 of every query and
/// key head turn by position * base^(-2i / n_dims).
struct Rotary {
  int64_t n_dims = 0;  ///< The first so many coordinates of a head turn, an even number; 0: none.
  double base = 1e4;
  RotaryScaling scaling;

  friend bool operator==(const Rotary&, const Rotary&) = default;
};

/// How attention turns the product of a query and a key into a score, and which keys a query sees.
struct AttentionOptions {
  std::optional<double> scale;  ///< Factor of the products; none: 1 / sqrt(d_head).
  double soft_cap = 0;          ///< c > 0: a scaled score s becomes c tanh(s / c). 0: no cap.
  int64_t window = 0;           ///< A query sees its last so many tokens, its own included; 0: all.

  friend bool operator==(const AttentionOptions&, const AttentionOptions&) = default;
};

/// Settings that may differ from layer to layer.
struct LayerConfig {
  Rotary rotary;
  AttentionOptions attention;
  bool parallel_residual = false;  ///< The MLP reads the stream before the layer's attention, not after it.

  friend bool operator==(const LayerConfig&, const LayerConfig&) = default;
};

/// Sizes and constants of a decoder, independent of any checkpoint's spelling.
struct ModelConfig {
  std::string architecture = "gpt2";  ///< Row of the architecture table (architecture.h), by Hugging Face `model_type`.
  int64_t vocab = 0;
  int64_t n_positions = 0;  ///< Longest sequence in tokens.
  int64_t d_model = 0;
  int64_t n_layers = 0;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;  ///< Key/value heads; n_heads unless grouped.
  int64_t d_head = 0;
  int64_t d_mlp = 0;
  Activation activation = Activation::kGeluTanh;
  double norm_epsilon = 1e-5;
  double initializer_range = 0.02;  ///< Standard deviation of freshly drawn weights.
  bool tied_unembedding = true;     ///< The unembedding is the token embedding.
  /// By layer; a list shorter than the model repeats, so one entry holds for all layers, and two
  /// take turns. Never empty.
  std::vector<LayerConfig> layers = {LayerConfig()};
  bool qkv_bias = true;  ///< Whether the projections to queries, keys and values have biases.
  bool attention_out_bias = true;
  bool mlp_bias = true;

  const LayerConfig& layer(int64_t l) const { return layers[static_cast<size_t>(l) % layers.size()]; }
};

/// Reads a Hugging Face `config.json`.
/// @throws Error (kInput) with file, line and column: not JSON, an architecture we lack, a missing or impossible size,
///         or a key whose value would change the numbers in a way that is not implemented (a sliding window, for
///         instance, or `rope_scaling` of another kind).
ModelConfig read_model_config(const std::filesystem::path& path);

/// The `config.json` of a model, loadable by `transformers`.
/// @throws Error (kFailed) if layers differ or attention has settings that the family has no keys for.
std::string config_json(const ModelConfig& config);

/// Whether a component reads the stream before its layer, not the one it adds to: the MLP of a layer
/// with a parallel residual.
bool reads_before_layer(const ModelConfig& config, const ComponentRef& component);

/// @throws Error (kInput) if the model has no such layer.
void require_component(const ModelConfig& config, const ComponentRef& component);

}  // namespace cprobe
