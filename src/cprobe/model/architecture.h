#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/model/config.h"

namespace cprobe {

/// Symbolic length of one axis of a weight.
enum class Axis { kVocab, kPositions, kModel, kQkv, kHeads, kMlp, kNone };

/// One weight of an architecture: our name for it, the checkpoint's name, and its shape there. `{l}` stands for the
/// layer.
struct WeightRow {
  std::string_view name;    ///< Canonical: "layers.{l}.attn.qkv.weight".
  std::string_view source;  ///< In the checkpoint: "transformer.h.{l}.attn.c_attn.weight".
  Axis rows = Axis::kNone;
  Axis columns = Axis::kNone;  ///< kNone for a vector.
  bool transposed = false;     ///< A matrix stored [n_out, n_in] there; ours are always [n_in, n_out].
  bool only_untied = false;    ///< Absent where the unembedding is tied.
};

/// A `config.json` key whose other values would change numbers in a way that is not implemented.
struct RequiredSetting {
  std::string_view key;
  std::string_view value;  ///< The implemented value, as JSON text; a missing key means this value.
};

/// Everything that sets one family of checkpoints apart. A new family is a new entry (docs/architecture.md says how).
struct Architecture {
  std::string_view model_type;       ///< `model_type` in config.json.
  std::string_view optional_prefix;  ///< Prefix of source names that published files may lack.
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
  std::string name;        ///< Canonical, without ".weight": "layers.0.attn.qkv".
  std::string short_name;  ///< The checkpoint's: "c_attn".
  std::string source;      ///< The checkpoint's tensor name.
  int64_t n_in = 0;
  int64_t n_out = 0;
};

/// The weight matrices of a component: those that read the residual stream first, the one that writes to it last.
std::vector<MatrixInfo> matrices_of(const ModelConfig& config, const ComponentRef& component);

}  // namespace cprobe
