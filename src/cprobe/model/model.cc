#include "cprobe/model/model.h"

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/rows.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/safetensors.h"

namespace cprobe {
namespace {

at::Tensor load_weight(const TensorFolder& folder, const std::string& source, const WeightInfo& info) {
  const at::Tensor stored = folder.tensor(source);
  if (stored.sizes() != at::IntArrayRef(info.source_shape)) {
    throw input_error("{}: shape [{}], but config.json asks for [{}]", folder.where(source),
                      fmt::join(stored.sizes(), ", "), fmt::join(info.source_shape, ", "));
  }
  if (stored.scalar_type() != at::kFloat && stored.scalar_type() != at::kHalf &&
      stored.scalar_type() != at::kBFloat16) {
    throw input_error("{}: dtype {}, expected F32, F16 or BF16 (quantised checkpoints are not supported)",
                      folder.where(source), at::toString(stored.scalar_type()));
  }
  at::Tensor weight = stored.to(at::kFloat);
  // A float64 sum of finite float32 numbers cannot overflow. So the sum is finite exactly if all
  // numbers are.
  if (!std::isfinite(weight.sum(at::kDouble).item<double>())) {
    throw input_error("{}: holds NaN or infinite values", folder.where(source));
  }
  return info.transposed ? weight.t() : weight;
}

bool is_ignored(const std::string& name, const Architecture& architecture) {
  return std::ranges::any_of(architecture.ignored_suffixes,
                             [&](std::string_view suffix) { return name.ends_with(suffix); });
}

std::string_view unembedding_source(const Architecture& architecture) {
  const auto row = std::ranges::find(architecture.weights, Presence::kUntied, &WeightRow::present);
  return row == architecture.weights.end() ? std::string_view() : row->source;
}

/// The initial value of a weight. Its name and shape tell its kind.
at::Tensor draw_weight(const ModelConfig& config, const WeightInfo& info, Seed seed) {
  if (info.source_shape.size() == 1) {
    return info.name.ends_with("norm.weight") ? at::ones(info.source_shape) : at::zeros(info.source_shape);
  }
  double deviation = config.initializer_range;
  if (info.name.ends_with(".out.weight")) deviation /= std::sqrt(2.0 * static_cast<double>(config.n_layers));
  const at::Tensor weight = at::normal(0.0, deviation, info.source_shape, seed.derive(info.name).generator());
  return info.transposed ? weight.t() : weight;
}

}  // namespace

const at::Tensor& Model::weight(const std::string& name) const {
  const auto found = weights.find(name);
  if (found == weights.end()) throw failure("architecture {} has no weight '{}'", config.architecture, name);
  return found->second;
}

Linear Model::linear(const std::string& name) const {
  const auto bias = weights.find(name + ".bias");
  return {weight(name + ".weight"), bias == weights.end() ? at::Tensor() : bias->second};
}

std::vector<Linear> Model::linears(const ComponentRef& component) const {
  std::vector<Linear> maps;
  for (const MatrixInfo& matrix : matrices_of(config, component)) maps.push_back(linear(matrix.name));
  return maps;
}

at::Tensor Model::unembedding() const {
  return weight(config.tied_unembedding ? "embed.token" : "unembed");
}

at::Device Model::device() const {
  return weights.empty() ? at::Device(at::kCPU) : weights.begin()->second.device();
}

Model on_device(const Model& model, at::Device device) {
  Model moved = model;
  for (auto& [name, weight] : moved.weights) weight = weight.to(device);
  return moved;
}

Model load_model(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw input_error("{}: no such folder; expected a Hugging Face model folder with config.json and model.safetensors",
                      folder.string());
  }
  Model model{.config = read_model_config(folder / "config.json")};
  const Architecture& architecture = find_architecture(model.config.architecture);
  const TensorFolder tensors = TensorFolder::open(folder);
  // Checked before `weights_of`, whose list could take all memory if n_layer is wrong.
  if (const size_t n_tensors = tensors.names().size(); model.config.n_layers > static_cast<int64_t>(n_tensors)) {
    throw input_error("{}: {} layers, but the checkpoint has only {} tensors", (folder / "config.json").string(),
                      model.config.n_layers, n_tensors);
  }

  std::vector<std::string> expected;
  for (const WeightInfo& info : weights_of(model.config)) {
    const std::string_view prefix = architecture.optional_prefix;
    const std::string bare = info.source.substr(info.source.starts_with(prefix) ? prefix.size() : 0);
    const std::string& source = tensors.contains(info.source) ? info.source : bare;
    if (!tensors.contains(source)) {
      throw input_error("{}: no tensor '{}'; config.json asks for it", folder.string(), info.source);
    }
    model.weights[info.name] = load_weight(tensors, source, info);
    expected.push_back(source);
  }
  std::ranges::sort(expected);
  for (const std::string& name : tensors.names()) {
    if (std::ranges::binary_search(expected, name) || is_ignored(name, architecture)) continue;
    // Some files also store a tied unembedding. It must equal the token embedding.
    if (model.config.tied_unembedding && name == unembedding_source(architecture)) {
      if (!at::equal(tensors.tensor(name).to(at::kFloat), model.unembedding())) {
        throw input_error("{}: differs from the token embedding although config.json says they are tied",
                          tensors.where(name));
      }
      continue;
    }
    throw input_error("{}: not part of a {} model with {} layers; does config.json belong to these weights?",
                      tensors.where(name), model.config.architecture, model.config.n_layers);
  }
  return model;
}

void save_model(const Model& model, const std::filesystem::path& folder) {
  std::map<std::string, at::Tensor> tensors;
  for (const WeightInfo& info : weights_of(model.config)) {
    const at::Tensor weight = model.weight(info.name).detach();
    tensors[info.source] = info.transposed ? weight.t() : weight;
  }
  write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  write_file(folder / "config.json", config_json(model.config));
}

Model random_model(const ModelConfig& config, Seed seed) {
  Model model{.config = config};
  for (const WeightInfo& info : weights_of(config)) model.weights[info.name] = draw_weight(config, info, seed);
  return model;
}

Model reinitialised(const Model& model, bool keep_embeddings, Seed seed) {
  Model fresh = random_model(model.config, seed);
  if (keep_embeddings) {
    for (auto& [name, weight] : fresh.weights) {
      if (name.starts_with("embed.")) weight = model.weight(name);
    }
  }
  return on_device(fresh, model.device());
}

Model with_shuffled_component(const Model& model, const ComponentRef& component, Seed seed) {
  Model shuffled = model;
  for (const MatrixInfo& matrix : matrices_of(model.config, component)) {
    at::Tensor& weight = shuffled.weights.at(matrix.name + ".weight");
    const at::Tensor order = at::randperm(weight.numel(), seed.derive(matrix.name).generator(), at::kLong);
    weight = rows_at(weight.reshape(-1), order).reshape(weight.sizes());
  }
  return shuffled;
}

std::string fingerprint(const Model& model) {
  uint64_t digest = hash(config_json(model.config));
  for (const auto& [name, weight] : model.weights) {
    // Hashes a transposed view in stored order: transposing a large model would take seconds.
    const bool is_view = weight.dim() == 2 && weight.t().is_contiguous();
    const at::Tensor bytes = (is_view ? weight.t() : weight).detach().cpu().contiguous();
    digest = hash(name, digest);
    digest = hash_bytes(bytes.data_ptr(), bytes.nbytes(), digest);
  }
  return to_hex(digest);
}

}  // namespace cprobe
