#include "cprobe/model/architecture.h"

#include <array>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

// GPT-2 stores its linear maps as Conv1D, [n_in, n_out], so nothing is transposed.
constexpr std::array kGpt2Weights = {
    WeightRow{"embed.token", "transformer.wte.weight", Axis::kVocab, Axis::kModel},
    WeightRow{"embed.position", "transformer.wpe.weight", Axis::kPositions, Axis::kModel},
    WeightRow{"layers.{l}.attn.norm.weight", "transformer.h.{l}.ln_1.weight", Axis::kModel},
    WeightRow{"layers.{l}.attn.norm.bias", "transformer.h.{l}.ln_1.bias", Axis::kModel},
    WeightRow{"layers.{l}.attn.qkv.weight", "transformer.h.{l}.attn.c_attn.weight", Axis::kModel, Axis::kQkv},
    WeightRow{"layers.{l}.attn.qkv.bias", "transformer.h.{l}.attn.c_attn.bias", Axis::kQkv},
    WeightRow{"layers.{l}.attn.out.weight", "transformer.h.{l}.attn.c_proj.weight", Axis::kHeads, Axis::kModel},
    WeightRow{"layers.{l}.attn.out.bias", "transformer.h.{l}.attn.c_proj.bias", Axis::kModel},
    WeightRow{"layers.{l}.mlp.norm.weight", "transformer.h.{l}.ln_2.weight", Axis::kModel},
    WeightRow{"layers.{l}.mlp.norm.bias", "transformer.h.{l}.ln_2.bias", Axis::kModel},
    WeightRow{"layers.{l}.mlp.in.weight", "transformer.h.{l}.mlp.c_fc.weight", Axis::kModel, Axis::kMlp},
    WeightRow{"layers.{l}.mlp.in.bias", "transformer.h.{l}.mlp.c_fc.bias", Axis::kMlp},
    WeightRow{"layers.{l}.mlp.out.weight", "transformer.h.{l}.mlp.c_proj.weight", Axis::kMlp, Axis::kModel},
    WeightRow{"layers.{l}.mlp.out.bias", "transformer.h.{l}.mlp.c_proj.bias", Axis::kModel},
    WeightRow{"final_norm.weight", "transformer.ln_f.weight", Axis::kModel},
    WeightRow{"final_norm.bias", "transformer.ln_f.bias", Axis::kModel},
    WeightRow{.name = "unembed",
              .source = "lm_head.weight",
              .rows = Axis::kVocab,
              .columns = Axis::kModel,
              .only_untied = true},
};
constexpr std::array<std::string_view, 2> kGpt2Ignored = {".attn.bias", ".attn.masked_bias"};
constexpr std::array kGpt2Settings = {
    RequiredSetting{"scale_attn_weights", "true"},       RequiredSetting{"scale_attn_by_inverse_layer_idx", "false"},
    RequiredSetting{"reorder_and_upcast_attn", "false"}, RequiredSetting{"add_cross_attention", "false"},
    RequiredSetting{"quantization_config", "null"},
};

constexpr std::array kArchitectures = {
    Architecture{"gpt2", "transformer.", kGpt2Weights, kGpt2Ignored, kGpt2Settings},
};

int64_t length(Axis axis, const ModelConfig& config) {
  switch (axis) {
    case Axis::kVocab:
      return config.vocab;
    case Axis::kPositions:
      return config.n_positions;
    case Axis::kModel:
      return config.d_model;
    case Axis::kQkv:
      return (config.n_heads + 2 * config.n_kv_heads) * config.d_head;
    case Axis::kHeads:
      return config.n_heads * config.d_head;
    case Axis::kMlp:
      return config.d_mlp;
    case Axis::kNone:
      break;
  }
  throw failure("an axis without length has no length");
}

constexpr std::string_view kLayer = "{l}";

std::string with_layer(std::string_view pattern, int64_t layer) {
  std::string name(pattern);
  if (const size_t at = name.find(kLayer); at != std::string::npos)
    name.replace(at, kLayer.size(), std::to_string(layer));
  return name;
}

WeightInfo instantiate(const WeightRow& row, const ModelConfig& config, int64_t layer) {
  WeightInfo info{.name = with_layer(row.name, layer),
                  .source = with_layer(row.source, layer),
                  .source_shape = {length(row.rows, config)},
                  .transposed = row.transposed};
  if (row.columns != Axis::kNone) info.source_shape.push_back(length(row.columns, config));
  return info;
}

}  // namespace

std::span<const Architecture> architectures() {
  return kArchitectures;
}

const Architecture& find_architecture(std::string_view model_type, const std::string& where) {
  std::vector<std::string_view> known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.model_type == model_type) return architecture;
    known.push_back(architecture.model_type);
  }
  throw input_error("{}{}model_type '{}' is not implemented; known: {}", where, where.empty() ? "" : ": ", model_type,
                    fmt::join(known, ", "));
}

std::vector<WeightInfo> weights_of(const ModelConfig& config) {
  const std::span<const WeightRow> rows = find_architecture(config.architecture).weights;
  const auto per_layer = [](const WeightRow& row) { return row.name.find(kLayer) != std::string_view::npos; };
  std::vector<WeightInfo> infos;
  for (size_t i = 0; i < rows.size();) {
    if (!per_layer(rows[i])) {
      if (!(rows[i].only_untied && config.tied_unembedding)) infos.push_back(instantiate(rows[i], config, 0));
      ++i;
      continue;
    }
    size_t end = i;
    while (end < rows.size() && per_layer(rows[end])) ++end;
    for (int64_t layer = 0; layer < config.n_layers; ++layer) {
      for (size_t j = i; j < end; ++j) infos.push_back(instantiate(rows[j], config, layer));
    }
    i = end;
  }
  return infos;
}

std::vector<MatrixInfo> matrices_of(const ModelConfig& config, const ComponentRef& component) {
  require_component(config, component);
  const std::string prefix = fmt::format("layers.{}.{}.", component.layer, to_string(component.block));
  constexpr std::string_view kWeight = ".weight";
  std::vector<MatrixInfo> matrices;
  for (const WeightRow& row : find_architecture(config.architecture).weights) {
    if (row.columns == Axis::kNone) continue;
    const WeightInfo info = instantiate(row, config, component.layer);
    if (!info.name.starts_with(prefix)) continue;
    const std::string module = info.source.substr(0, info.source.size() - kWeight.size());
    const int64_t in = info.source_shape[info.transposed ? 1 : 0];
    const int64_t out = info.source_shape[info.transposed ? 0 : 1];
    matrices.push_back({.name = info.name.substr(0, info.name.size() - kWeight.size()),
                        .short_name = module.substr(module.rfind('.') + 1),
                        .source = info.source,
                        .n_in = in,
                        .n_out = out});
  }
  return matrices;
}

}  // namespace cprobe
