#include "cprobe/model/architecture.h"

#include <algorithm>
#include <array>

#include "cprobe/core/error.h"
#include "cprobe/model/families/families.h"

namespace cprobe {
namespace {

using enum Axis;
using enum Presence;

constexpr std::array kArchitectures = {&kGpt2,    &kGptNeo, &kGptJ,  &kGptNeoX, &kOpt,   &kLlama,
                                       &kMistral, &kQwen2,  &kQwen3, &kSmolLm3, &kGemma, &kGemma2,
                                       &kGemma3,  &kPhi,    &kPhi3,  &kOlmo,    &kOlmo2, &kStableLm};

int64_t length(Axis axis, const ModelConfig& config) {
  switch (axis) {
    case kVocab:
      return config.vocab;
    case kPositions:
      return config.n_positions + config.first_position;
    case kModel:
      return config.d_model;
    case kEmbed:
      return config.d_embedding == 0 ? config.d_model : config.d_embedding;
    case kQkv:
      return (config.n_heads + 2 * config.n_kv_heads) * config.d_head;
    case kHeads:
      return config.n_heads * config.d_head;
    case kKvHeads:
      return config.n_kv_heads * config.d_head;
    case kOneHead:
      return config.d_head;
    case kMlp:
      return config.d_mlp;
    case kTwoMlps:
      return 2 * config.d_mlp;
    case kNone:
      break;
  }
  throw failure("an axis without length has no length");
}

bool is_present(Presence present, const ModelConfig& config) {
  switch (present) {
    case kAlways:
      return true;
    case kUntied:
      return !config.tied_unembedding;
    case kQkvBias:
      return config.qkv_bias;
    case kAttentionOutBias:
      return config.attention_out_bias;
    case kMlpBias:
      return config.mlp_bias;
    case kNormWeights:
      return config.norm_weights;
    case kFinalNormWeights:
      return config.norm_weights && config.final_norm;
    case kOwnMlpNorm:
      return !config.shared_norm;
    case kQkNorms:
      return config.qk_norms;
    case kEmbeddingMap:
      return length(kEmbed, config) != config.d_model;
  }
  throw failure("a weight is neither present nor absent");
}

constexpr std::string_view kLayer = "{l}", kHead = "{h}";

/// The name with numbers in the place of `{l}` and `{h}`.
std::string numbered(std::string_view pattern, int64_t layer, int64_t head) {
  std::string name(pattern);
  for (const auto& [letter, number] : {std::pair(kLayer, layer), std::pair(kHead, head)}) {
    if (const size_t at = name.find(letter); at != std::string::npos)
      name.replace(at, letter.size(), std::to_string(number));
  }
  return name;
}

WeightInfo instantiate(const WeightRow& row, const ModelConfig& config, int64_t layer, int64_t head = 0) {
  WeightInfo info{.name = numbered(row.name, layer, head),
                  .source = numbered(row.source, layer, head),
                  .source_shape = {length(row.rows, config)},
                  .transposed = row.transposed};
  if (row.columns != kNone) info.source_shape.push_back(length(row.columns, config));
  return info;
}

}  // namespace

std::span<const Architecture* const> architectures() {
  return kArchitectures;
}

const Architecture& find_architecture(std::string_view model_type, const std::string& where) {
  std::vector<std::string_view> known;
  for (const Architecture* architecture : kArchitectures) {
    if (architecture->model_type == model_type) return *architecture;
    known.push_back(architecture->model_type);
  }
  throw input_error("{}{}model_type '{}' is not implemented; known: {}", where, where.empty() ? "" : ": ", model_type,
                    fmt::join(known, ", "));
}

std::vector<WeightInfo> weights_of(const ModelConfig& config) {
  const std::span<const WeightRow> rows = find_architecture(config.architecture).weights;
  const auto per_layer = [](const WeightRow& row) { return row.name.find(kLayer) != std::string_view::npos; };
  std::vector<WeightInfo> infos;
  for (auto row = rows.begin(); row != rows.end();) {
    // The rows of a layer stand together, and all of them come once for each layer.
    const auto end = std::find_if(row, rows.end(), [&](const WeightRow& r) { return per_layer(r) != per_layer(*row); });
    const int64_t n_times = per_layer(*row) ? config.n_layers : 1;
    for (int64_t layer = 0; layer < n_times; ++layer) {
      for (const WeightRow& r : std::span(row, end)) {
        if (!is_present(r.present, config)) continue;
        const int64_t n_copies = r.copies == kNone ? 1 : length(r.copies, config) / config.d_head;
        for (int64_t head = 0; head < n_copies; ++head) infos.push_back(instantiate(r, config, layer, head));
      }
    }
    row = end;
  }
  return infos;
}

bool has_norms_behind_blocks(const ModelConfig& config) {
  return std::ranges::any_of(find_architecture(config.architecture).weights,
                             [](const WeightRow& row) { return row.name.ends_with("mlp.post_norm.weight"); });
}

std::vector<MatrixInfo> matrices_of(const ModelConfig& config, const ComponentRef& component) {
  require_component(config, component);
  const std::string prefix = fmt::format("layers.{}.{}.", component.layer, to_string(component.block));
  constexpr std::string_view kWeight = ".weight";
  std::vector<MatrixInfo> matrices;
  for (const WeightRow& row : find_architecture(config.architecture).weights) {
    if (row.columns == kNone) continue;
    const WeightInfo info = instantiate(row, config, component.layer);
    if (!info.name.starts_with(prefix)) continue;
    const std::string module = info.source.substr(0, info.source.size() - kWeight.size());
    const int64_t in = info.source_shape[info.transposed ? 1 : 0];
    const int64_t out = info.source_shape[info.transposed ? 0 : 1];
    matrices.push_back({.component = component,
                        .name = info.name.substr(0, info.name.size() - kWeight.size()),
                        .short_name = module.substr(module.rfind('.') + 1),
                        .source = info.source,
                        .n_in = in,
                        .n_out = out,
                        .transposed = info.transposed});
  }
  if (component.block == Block::kAttention) {
    MatrixInfo& values = matrices[matrices.size() - 2];  // the last of queries, keys and values, or all three in one
    values.n_heads = config.n_kv_heads;
    for (const MatrixInfo& matrix : matrices) values.weights_per_head += matrix.n_in * matrix.n_out / config.n_kv_heads;
  }
  return matrices;
}

}  // namespace cprobe
