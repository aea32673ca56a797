#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/model/address.h"

namespace cprobe {

enum class Activation { kRelu, kGeluTanh, kGelu, kSilu };

/// How the wavelengths of rotary embeddings are stretched for contexts longer than in pre-training
/// (`rope_scaling`).
struct RotaryScaling {
  enum class Kind { kNone, kLinear, kLlama3, kYarn, kDynamic, kLongrope };
  Kind kind = Kind::kNone;
  /// Divides frequencies: all (kLinear), or the low ones (kLlama3, kYarn). kDynamic: raises the
  /// base where the longest row is longer than n_original_positions.
  double factor = 1.0;
  /// kLlama3 and kYarn stretch by wavelength, with n = n_original_positions:
  ///   - above n / low_frequency: in full;
  ///   - below n / high_frequency: not at all;
  ///   - between: in part. kLlama3 goes by the wavelength, kYarn by the coordinate's number.
  double low_frequency = 1.0;
  double high_frequency = 4.0;
  int64_t n_original_positions = 0;
  bool whole_bounds = true;  ///< kYarn: between whole numbers of coordinates.
  /// kLongrope: what divides each frequency, [n_dims / 2]. The second list is for rows where the
  /// longest one is longer than n_original_positions.
  std::vector<double> short_factors;
  std::vector<double> long_factors;
  double amplitude = 1;  ///< Factor of cosines and sines (kYarn, kLongrope).

  /// Whether angles depend on the longest row of the data.
  bool reads_longest_row() const { return kind == Kind::kDynamic || kind == Kind::kLongrope; }

  friend bool operator==(const RotaryScaling&, const RotaryScaling&) = default;
};

/// Rotary position embeddings (Su et al. 2021, arXiv 2104.09864). Coordinates i and i + n_dims / 2
/// of every query and key head are rotated by the angle position * base^(-2i / n_dims), with i from
/// 0 to n_dims / 2 - 1.
struct Rotary {
  int64_t n_dims = 0;  ///< How many first coordinates of a head are rotated. Even; 0: none.
  double base = 1e4;
  RotaryScaling scaling;
  bool turns_neighbours = false;  ///< Coordinates 2i and 2i + 1 are rotated together.

  friend bool operator==(const Rotary&, const Rotary&) = default;
};

/// How attention turns the product of a query and a key into a score, and which keys a query sees.
struct AttentionOptions {
  std::optional<double> scale;  ///< Factor of the products. Not set: 1 / sqrt(d_head).
  double soft_cap = 0;          ///< c > 0: a scaled score s becomes c tanh(s / c). 0: no cap.
  int64_t window = 0;           ///< Tokens that a query sees at most, its own included. 0: all.

  friend bool operator==(const AttentionOptions&, const AttentionOptions&) = default;
};

/// Settings that may differ from layer to layer.
struct LayerConfig {
  Rotary rotary;
  AttentionOptions attention;
  /// The MLP reads the stream before the layer's attention. False: after the attention.
  bool parallel_residual = false;

  friend bool operator==(const LayerConfig&, const LayerConfig&) = default;
};

/// Sizes and constants of a decoder, under the same names for all families.
struct ModelConfig {
  /// Hugging Face `model_type`: the key of the architecture table (architecture.h).
  std::string architecture = "gpt2";
  int64_t vocab = 0;
  int64_t n_positions = 0;  ///< Longest sequence of pre-training in tokens.
  int64_t d_model = 0;
  int64_t n_layers = 0;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;  ///< Key/value heads. Equals n_heads without grouped-query attention.
  int64_t d_head = 0;
  int64_t d_mlp = 0;
  Activation activation = Activation::kGeluTanh;
  double norm_epsilon = 1e-5;
  double initializer_range = 0.02;  ///< Standard deviation of freshly drawn weights.
  bool tied_unembedding = true;     ///< The unembedding is the token embedding.
  /// Settings by layer, never empty. A list shorter than the model repeats: one entry holds for all
  /// layers, two entries take turns.
  std::vector<LayerConfig> layers = {LayerConfig()};
  bool qkv_bias = true;  ///< Whether the projections to queries, keys and values have biases.
  bool attention_out_bias = true;
  bool mlp_bias = true;
  double embedding_scale = 1;  ///< Factor of token embeddings (not of the unembedding).
  int64_t d_embedding = 0;     ///< Length of token embeddings, mapped to d_model. 0: d_model.
  int64_t first_position = 0;  ///< Row of the position embeddings that a row's first token has.
  double logit_cap = 0;        ///< c > 0: a logit x becomes c tanh(x / c). 0: no cap.
  double qkv_clip = 0;         ///< c > 0: queries, keys and values are clipped to [-c, c]. 0: not.
  bool qk_norms = false;       ///< Whether heads have norms, in families where some models have none.
  bool norm_weights = true;    ///< Whether norms have weights.
  bool final_norm = true;
  bool shared_norm = false;  ///< The MLP reads what the norm of its layer's attention gives.
  /// Tokens of the data's longest row, for rotary scaling that depends on it. 0: of each trie.
  int64_t longest_row = 0;
  /// The text of the config.json that this was read from, if there is one.
  std::string json;

  int64_t max_row() const;  ///< Longest row in tokens: n_positions or, with dynamic scaling, more.
  const LayerConfig& layer(int64_t l) const { return layers[static_cast<size_t>(l) % layers.size()]; }
};

/// Reads a Hugging Face `config.json`.
/// @throws Error (kInput) with file, line and column:
///   - text that is not JSON;
///   - an architecture that is not implemented;
///   - a missing or impossible size;
///   - a setting that is not implemented and would change the model's numbers, such as another kind
///     of `rope_scaling`.
ModelConfig read_model_config(const std::filesystem::path& path);

/// The `config.json` of a model, loadable by `transformers`. What no key here is known for is taken
/// from `config.json`, whose size of MLPs is then the only one that may have changed.
/// @throws Error (kFailed) if there is no such text and the keys known here do not say all: of
///         later families, of layers that differ, of scales, caps and windows of attention.
std::string config_json(const ModelConfig& config);

/// Whether a component reads the stream before its layer, not the stream right before itself. True
/// for the MLP of a layer with a parallel residual.
bool reads_before_layer(const ModelConfig& config, const ComponentRef& component);

/// @throws Error (kInput) if the model has no such layer.
void require_component(const ModelConfig& config, const ComponentRef& component);

}  // namespace cprobe
