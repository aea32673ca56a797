#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/model/config.h"

namespace cprobe {

class Document;

/// Symbolic length of one axis of a weight.
enum class Axis { kVocab, kPositions, kModel, kEmbed, kQkv, kHeads, kKvHeads, kOneHead, kMlp, kTwoMlps, kNone };

/// Which models of a family have a weight.
enum class Presence {
  kAlways,
  kUntied,
  kQkvBias,
  kAttentionOutBias,
  kMlpBias,
  kNormWeights,
  kFinalNormWeights,
  kOwnMlpNorm,    ///< Not ModelConfig::shared_norm.
  kQkNorms,       ///< ModelConfig::qk_norms.
  kEmbeddingMap,  ///< Token embeddings are not of length d_model.
};

/// One weight of an architecture: its canonical name, and its name and shape in the checkpoint. In
/// names, `{l}` stands for the layer and `{h}` for the head.
struct WeightRow {
  std::string_view name;    ///< Canonical name: "layers.{l}.attn.qkv.weight".
  std::string_view source;  ///< Name in the checkpoint: "transformer.h.{l}.attn.c_attn.weight".
  Axis rows = Axis::kNone;
  Axis columns = Axis::kNone;  ///< kNone for a vector.
  /// The checkpoint stores the matrix as [n_out, n_in]. A Model always has [n_in, n_out].
  bool transposed = false;
  Presence present = Presence::kAlways;
  Axis copies = Axis::kNone;  ///< kHeads or kKvHeads: a weight for each head.
};

/// A key of `config.json` with a single implemented value. Other values would change the model's
/// numbers.
struct RequiredSetting {
  std::string_view key;
  std::string_view value;        ///< The implemented value, as JSON text. A missing key means this value.
  std::string_view advice = {};  ///< What to do about another value; may be empty.
};

/// The keys of `config.json` for the sizes and constants of a model. Empty: the family has no such
/// key.
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
  std::string_view rotary_share;  ///< Share of a head's coordinates that are rotated.
  std::string_view parallel_residual;
  std::string_view attention_bias;  ///< All of the attention block's biases.
  std::string_view qkv_bias;        ///< Those of queries, keys and values only.
  std::string_view mlp_bias;
};

/// The values of settings that a file does not give, because it lacks the key or the family has
/// none.
struct ConfigDefaults {
  Activation activation = Activation::kSilu;
  double norm_epsilon = 1e-6;
  int64_t d_head = 0;      ///< 0: d_model / n_heads.
  int64_t mlp_widths = 0;  ///< d_mlp / d_model where the file does not say. 0: it must.
  bool tied_unembedding = false;
  double rotary_base = 1e4;
  double rotary_share = 1.0;  ///< 0: learned positions.
  bool parallel_residual = false;
  bool qkv_bias = false;
  bool attention_out_bias = false;
  bool mlp_bias = false;
  /// Positions of pre-training, which longrope reads. 0: those of the model.
  int64_t n_original_positions = 0;
};

enum class Norm {
  kLayer,       ///< (x - mean) / sqrt(variance + eps) * w + b.
  kRms,         ///< x / sqrt(mean of squares + eps) * w.
  kRmsPlusOne,  ///< x / sqrt(mean of squares + eps) * (1 + w).
  kNone,        ///< x.
};

/// Everything that sets one family of checkpoints apart. A new family is a new entry
/// (docs/architecture.md says how).
struct Architecture {
  std::string_view model_type;       ///< `model_type` in config.json.
  std::string_view class_name;       ///< The model's class in `transformers`.
  std::string_view optional_prefix;  ///< Prefix of source names that published files may omit.
  Norm norm = Norm::kLayer;
  bool norms_before = true;  ///< Blocks read the stream through a norm.
  /// The columns of the qkv matrix are ordered [heads, (q, k, v), d_head]. False: [(q, k, v),
  /// heads, d_head], in one matrix or three.
  bool qkv_per_head = false;
  ConfigKeys keys;
  ConfigDefaults defaults;
  std::span<const WeightRow> weights;
  /// Endings of the names of checkpoint tensors that are not weights, such as stored causal masks.
  std::span<const std::string_view> ignored_suffixes;
  std::span<const RequiredSetting> required_settings;
  /// Reads what the family's files say beyond ConfigKeys. `config` has all that those say, with one
  /// entry in `layers`. Null: nothing.
  void (*read)(const Document& json, ModelConfig& config) = nullptr;
};

/// @param where  begins the error message, such as "config.json:3:17".
/// @throws Error (kInput) listing the known architectures if `model_type` is not among them.
const Architecture& find_architecture(std::string_view model_type, const std::string& where = {});
std::span<const Architecture* const> architectures();

/// A WeightRow for one layer of one model: names with the layer's number, shape in numbers.
struct WeightInfo {
  std::string name;
  std::string source;
  std::vector<int64_t> source_shape;
  bool transposed = false;
};

/// All weights of a model in the table's order: embeddings, then layer by layer, then the rest.
std::vector<WeightInfo> weights_of(const ModelConfig& config);

/// One weight matrix of a component. Masks and circuits are made of these matrices.
struct MatrixInfo {
  ComponentRef component;
  std::string name;        ///< Canonical name without ".weight": "layers.0.attn.qkv".
  std::string short_name;  ///< Last part of the checkpoint's name: "c_attn".
  std::string source;      ///< The checkpoint's tensor name.
  int64_t n_in = 0;
  int64_t n_out = 0;
  bool transposed = false;  ///< As WeightRow::transposed.
  /// Attention heads whose values the matrix makes; heads that share keys and values count as one.
  int64_t n_heads = 0;
  int64_t weights_per_head = 0;  ///< Weights of each of these heads in all matrices of its block.
};

/// The weight matrices of a component: first the input matrices, which read the residual stream;
/// last the matrix that writes to the stream.
/// @throws Error (kInput) if the model has no such layer.
std::vector<MatrixInfo> matrices_of(const ModelConfig& config, const ComponentRef& component);

/// Whether norms follow what the blocks write.
bool has_norms_behind_blocks(const ModelConfig& config);

}  // namespace cprobe
