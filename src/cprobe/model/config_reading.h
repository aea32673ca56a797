#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/io/document_values.h"
#include "cprobe/model/architecture.h"

/// Reading the config.json of a model: what families share. All functions throw Error (kInput) with
/// file, line and column.
namespace cprobe {

int64_t positive(const Document& value);  ///< A size, from 1 to 2^31.

/// The converted value of an optional key. `otherwise` if `key` is empty (the family has no such
/// key), or the file lacks the key or says null.
template <typename Value, typename Convert>
Value value_or(const Document& map, std::string_view key, Value otherwise, Convert convert) {
  const Document* value = key.empty() ? nullptr : map.given(key);
  return value == nullptr ? otherwise : static_cast<Value>(std::invoke(convert, *value));
}

bool flag_or(const Document& map, std::string_view key, bool otherwise);

/// The rotary embeddings of all layers, from `rope_theta`, `rope_scaling` and their like.
Rotary read_rotary(const Document& json, const Architecture& architecture, const ModelConfig& config);

/// The layers' settings, one entry for each layer.
std::vector<LayerConfig>& every_layer(ModelConfig& config);

/// Which layers have a window, by `layer_types` or, where the file lacks it, by a rule.
std::vector<bool> sliding_layers(const Document& json, const ModelConfig& config,
                                 const std::function<bool(int64_t layer)>& otherwise);

/// Gives layers their window, `sliding_window`. Null: none.
/// @param otherwise  the window of a file without the key; 0: none.
/// @param by_rule    as for `sliding_layers`.
void read_windows(const Document& json, ModelConfig& config, int64_t otherwise,
                  const std::function<bool(int64_t layer)>& by_rule);

/// Gives all layers the window `sliding_window`; `layer_types` may not say otherwise. Parameters as
/// for `read_windows`.
void read_one_window(const Document& json, ModelConfig& config, int64_t otherwise);

/// Text of all settings that change a model's numbers, and of nothing else: for fingerprints.
std::string numbers_text(const ModelConfig& config);

/// Refuses `layer_types` other than full attention in every layer.
void require_full_attention(const Document& json, const ModelConfig& config);

}  // namespace cprobe
