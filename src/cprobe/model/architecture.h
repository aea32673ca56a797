#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/model/config.h"

namespace cprobe {

/// Symbolic length of one axis of a weight.
enum class Axis { kVocab, kPositions, kModel, kQkv, kHeads, kKvHeads, kMlp, kNone };

/// Models of a family that have a weight.
enum class Presence { kAlways, kUntied, kQkvBias, kAttentionOutBias, kMlpBias };

/// One weight of an architecture: our name for it, the checkpoint's name, and its shape there. `{l}` stands for the
/// layer.
struct WeightRow {
  std::string_view name;    ///< Canonical: "layers.{l}.attn.qkv.weight".
  std::string_view source;  ///< In the checkpoint: "transformer.h.{l}.attn.c_attn.weight".
  Axis rows = Axis::kNone;
  Axis columns = Axis::kNone;  ///< kNone for a vector.
  bool transposed = false;     ///< A matrix stored [n_out, n_in] there; ours are always [n_in, n_out].
  Presence present = Presence::kAlways;
};

/// A `config.json` key whose other values would change numbers in a way that is not implemented.
struct RequiredSetting {
  std::string_view key;
  std::string_view value;  ///< The implemented value, as JSON text; a missing key means this value.
};

/// What `config.json` calls the sizes and constants of a model. Empty: the family has no such key.
struct ConfigKeys {
  std::string_view n_positions = "max_position_embeddings";
  std::string_view d_model = "hidden_size";
  std::string_view n_layers = "num_hidden_layers";
  std::string_view n_heads = "num_attention_heads";
  std::string_view n_kv_heads;
  std::string_view d_head;
  std::string_view d_mlp = "intermediate_size";
  std::string_view activation = "hidden_act";
  std::string_view norm_epsilon;
  std::string_view rotary_base;
  std::string_view rotary_share;  ///< Share of a head's coordinates that turn.
  std::string_view parallel_residual;
  std::string_view attention_bias;  ///< All of the attention block's biases.
  std::string_view mlp_bias;
};

/// What a key that is not there means, and what holds where a family has no key for it.
struct ConfigDefaults {
  Activation activation = Activation::kSilu;
  double norm_epsilon = 1e-6;
  bool tied_unembedding = false;
  double rotary_base = 1e4;
  double rotary_share = 1.0;  ///< 0: learned positions.
  bool parallel_residual = false;
  bool qkv_bias = false;
  bool attention_out_bias = false;
  bool mlp_bias = false;
  int64_t sliding_window = 0;  ///< Tokens that attention looks back over; 0: all.
};

enum class Norm {
  kLayer,  ///< (x - mean) / sqrt(variance + eps) * w + b.
  kRms,    ///< x / sqrt(mean of squares + eps) * w.
};

/// Everything that sets one family of checkpoints apart. A new family is a new entry (docs/architecture.md says how).
struct Architecture {
  std::string_view model_type;       ///< `model_type` in config.json.
  std::string_view class_name;       ///< Of the model in `transformers`.
  std::string_view optional_prefix;  ///< Prefix of source names that published files may lack.
  Norm norm = Norm::kLayer;
  /// One matrix makes queries, keys and values, its columns ordered [heads, (q, k, v), d_head] rather than [(q, k, v),
  /// heads, d_head].
  bool qkv_per_head = false;
  ConfigKeys keys;
  ConfigDefaults defaults;
  std::span<const WeightRow> weights;
  /// Of checkpoint tensors that are no weights (stored causal masks).
  std::span<const std::string_view> ignored_suffixes;
  std::span<const RequiredSetting> required_settings;
};

/// @param where what to put in front of the message, such as "config.json:3:17".
/// @throws Error (kInput) listing the known ones if there is no such architecture.
const Architecture& find_architecture(std::string_view model_type, const std::string& where = {});
std::span<const Architecture> architectures();

/// A row for one layer: names with the layer put in, lengths looked up in a config.
struct WeightInfo {
  std::string name;
  std::string source;
  std::vector<int64_t> source_shape;
  bool transposed = false;
};

/// All weights of a model, embedding first, layer by layer, in the table's order.
std::vector<WeightInfo> weights_of(const ModelConfig& config);

/// One weight matrix of a component: the thing that masks and circuits are made of.
struct MatrixInfo {
  ComponentRef component;
  std::string name;        ///< Canonical, without ".weight": "layers.0.attn.qkv".
  std::string short_name;  ///< The checkpoint's: "c_attn".
  std::string source;      ///< The checkpoint's tensor name.
  int64_t n_in = 0;
  int64_t n_out = 0;
};

/// The weight matrices of a component: those that read the residual stream first, the one that writes to it last.
std::vector<MatrixInfo> matrices_of(const ModelConfig& config, const ComponentRef& component);

}  // namespace cprobe
