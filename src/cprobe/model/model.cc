#include "cprobe/model/model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/half_precision.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/rows.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/safetensors.h"
#include "cprobe/model/config_reading.h"
#include "cprobe/model/model_folder.h"
#include "cprobe/model/weight_digest.h"

namespace cprobe {
namespace {

/// Begins every fingerprint of this form, which is made of a digest per weight.
constexpr const char* kFingerprintForm = "w2:";

/// A tensor of a checkpoint as the checkpoint has it.
struct StoredWeight {
  WeightInfo info;
  std::string source;  ///< Its name there.
  at::Tensor tensor;
  uint64_t hash = 0;
};

at::Tensor read_stored(const TensorFolder& folder, const std::string& source, const WeightInfo& info) {
  at::Tensor stored = folder.tensor(source);
  if (stored.sizes() != at::IntArrayRef(info.source_shape)) {
    throw input_error("{}: shape [{}], but config.json asks for [{}]", folder.where(source),
                      fmt::join(stored.sizes(), ", "), fmt::join(info.source_shape, ", "));
  }
  if (stored.scalar_type() != at::kFloat && !is_half(stored.scalar_type())) {
    throw input_error("{}: dtype {}, expected F32, F16 or BF16 (quantised checkpoints are not supported)",
                      folder.where(source), at::toString(stored.scalar_type()));
  }
  return stored;
}

/// Sets the hash of each weight. Reads the weights that the cache does not know, and lets the cache
/// know them. @throws Error (kInput) if a number is not finite.
void hash_stored(const TensorFolder& folder, const DigestCache& cache, std::vector<StoredWeight>& weights) {
  std::map<std::filesystem::path, Digests> known;
  for (const SafetensorsFile& file : folder.files()) known[file.path()] = kept_digests(cache, file);
  std::vector<StoredWeight*> unknown;
  std::vector<at::Tensor> tensors;
  for (StoredWeight& weight : weights) {
    const Digests& digests = known[folder.file(weight.source).path()];
    const auto found = digests.find(weight.source);
    if (found != digests.end()) {
      weight.hash = found->second;
    } else {
      unknown.push_back(&weight);
      tensors.push_back(weight.tensor);
    }
  }
  const std::vector<WeightDigest> digests = weight_digests(tensors);
  std::set<std::filesystem::path> changed;
  for (size_t i = 0; i < unknown.size(); ++i) {
    const std::string& source = unknown[i]->source;
    if (!digests[i].is_finite) throw input_error("{}: holds NaN or infinite values", folder.where(source));
    unknown[i]->hash = digests[i].hash;
    const std::filesystem::path& file = folder.file(source).path();
    known[file][source] = digests[i].hash;
    changed.insert(file);
  }
  for (const SafetensorsFile& file : folder.files()) {
    if (changed.contains(file.path())) keep_digests(cache, file, known[file.path()]);
  }
}

/// The hash of a weight, if it is known and still holds.
std::optional<uint64_t> known_hash(const Model& model, const std::string& name) {
  const auto known = model.digests.find(name);
  if (known == model.digests.end()) return std::nullopt;
  const auto& [weight, hash, version] = known->second;
  const at::Tensor& now = model.weights.at(name);
  if (!weight.is_same(now) || version != static_cast<uint32_t>(now._version())) return std::nullopt;
  return hash;
}

bool is_ignored(const std::string& name, const Architecture& architecture) {
  return is_recomputed(name) || std::ranges::any_of(architecture.ignored_suffixes,
                                                    [&](std::string_view suffix) { return name.ends_with(suffix); });
}

std::string_view unembedding_source(const Architecture& architecture) {
  const auto row = std::ranges::find(architecture.weights, Presence::kUntied, &WeightRow::present);
  return row == architecture.weights.end() ? std::string_view() : row->source;
}

/// The initial value of a weight. Its name and shape tell its kind.
at::Tensor draw_weight(const ModelConfig& config, const WeightInfo& info, Seed seed) {
  if (info.source_shape.size() == 1) {
    // Norms that multiply by 1 + weight begin with 0.
    const bool is_factor =
        info.name.ends_with("norm.weight") && find_architecture(config.architecture).norm != Norm::kRmsPlusOne;
    return is_factor ? at::ones(info.source_shape) : at::zeros(info.source_shape);
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
  moved.digests.clear();
  for (auto& [name, weight] : moved.weights) {
    const std::optional<uint64_t> hash = known_hash(model, name);
    weight = weight.to(device);
    if (!device.is_cpu()) weight = widened(weight);
    if (hash) moved.digests[name] = {weight, *hash, static_cast<uint32_t>(weight._version())};
  }
  return moved;
}

Model load_model(const std::filesystem::path& folder, const DigestCache& cache) {
  require_model_folder(folder);
  Model model{.config = read_model_config(folder / "config.json")};
  const std::string own = class_of_its_own(Document::parse_json(model.config.json, (folder / "config.json").string()));
  if (!own.empty()) {
    model.notes.push_back(
        fmt::format("{}: computed as transformers' own {}; the class '{}' that auto_map names, which transformers runs "
                    "with trust_remote_code=True, is not run",
                    (folder / "config.json").string(), model.config.architecture, own));
  }
  const Architecture& architecture = find_architecture(model.config.architecture);
  const TensorFolder tensors = TensorFolder::open(folder);
  // Checked before `weights_of`, whose list could take all memory if n_layer is wrong.
  if (const size_t n_tensors = tensors.names().size(); model.config.n_layers > static_cast<int64_t>(n_tensors)) {
    throw input_error("{}: {} layers, but the checkpoint has only {} tensors", (folder / "config.json").string(),
                      model.config.n_layers, n_tensors);
  }

  const auto without_prefix = [&](const std::string& source) {
    const std::string_view prefix = architecture.optional_prefix;
    return source.substr(source.starts_with(prefix) ? prefix.size() : 0);
  };
  const std::vector<WeightInfo> infos = weights_of(model.config);
  const std::string wrapper =
      wrapper_of(folder, tensors.names(), std::array{infos.front().source, without_prefix(infos.front().source)});
  if (!wrapper.empty()) {
    model.notes.push_back(fmt::format("{}: the names of the model's tensors begin with '{}', which is taken off",
                                      folder.string(), wrapper));
  }
  std::vector<StoredWeight> stored;
  std::vector<std::string> expected;
  for (const WeightInfo& info : infos) {
    const std::string whole = wrapper + info.source;
    const std::string source = tensors.contains(whole) ? whole : wrapper + without_prefix(info.source);
    if (!tensors.contains(source)) {
      const bool has_adapter = std::ranges::any_of(
          tensors.names(), [](const std::string& name) { return name.find(".lora_") != std::string::npos; });
      throw input_error("{}: no tensor '{}'; config.json asks for it{}", folder.string(), info.source,
                        has_adapter ? "; a LoRA adapter is here that is not merged: merge_and_unload, then save" : "");
    }
    stored.push_back({info, source, read_stored(tensors, source, info)});
    expected.push_back(source);
  }
  const size_t n_weights = stored.size();
  std::ranges::sort(expected);
  std::vector<std::string> beside;
  for (const std::string& name : tensors.names()) {
    if (std::ranges::binary_search(expected, name) || is_ignored(name, architecture)) continue;
    if (is_beside_the_model(name)) {
      beside.push_back(name);
      continue;
    }
    // Some files also store a tied unembedding. It must equal the token embedding.
    if (model.config.tied_unembedding && name == wrapper + std::string(unembedding_source(architecture))) {
      stored.push_back({{}, name, tensors.tensor(name)});
      continue;
    }
    throw input_error("{}: not part of a {} model with {} layers; does config.json belong to these weights?",
                      tensors.where(name), model.config.architecture, model.config.n_layers);
  }
  if (!beside.empty()) {
    model.notes.push_back(fmt::format("{}: not used: {}, a head that reads the model and changes nothing in it",
                                      folder.string(), fmt::join(beside, ", ")));
  }
  hash_stored(tensors, cache, stored);
  for (size_t i = 0; i < n_weights; ++i) {
    const auto& [info, source, tensor, hash] = stored[i];
    const at::Tensor weight = tensor.dim() == 2 ? tensor : widened(tensor);
    model.weights[info.name] = info.transposed ? weight.t() : weight;
    model.digests[info.name] = {model.weights[info.name], hash, static_cast<uint32_t>(weight._version())};
  }
  if (stored.size() > n_weights && (stored.back().tensor.sizes() != model.unembedding().sizes() ||
                                    stored.back().hash != model.digests.at("embed.token").hash)) {
    throw input_error("{}: differs from the token embedding although config.json says they are tied",
                      tensors.where(stored.back().source));
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
  std::map<std::string, bool> is_transposed;  // in the checkpoint, whose order is hashed
  for (const WeightInfo& info : weights_of(model.config)) is_transposed[info.name] = info.transposed;
  std::map<std::string, uint64_t> hashes;
  std::vector<std::string> unknown;
  std::vector<at::Tensor> tensors;
  for (const auto& [name, weight] : model.weights) {
    if (const std::optional<uint64_t> known = known_hash(model, name)) {
      hashes[name] = *known;
    } else {
      unknown.push_back(name);
      tensors.push_back(is_transposed[name] ? weight.t() : weight);
    }
  }
  const std::vector<WeightDigest> digests = weight_digests(tensors);
  for (size_t i = 0; i < unknown.size(); ++i) hashes[unknown[i]] = digests[i].hash;
  uint64_t all = hash(numbers_text(model.config));
  for (const auto& [name, digest] : hashes) all = hash(to_hex(digest), hash(name, all));
  return kFingerprintForm + to_hex(all);
}

bool are_of_different_models(const std::string& a, const std::string& b) {
  return a != b && a.starts_with(kFingerprintForm) == b.starts_with(kFingerprintForm);
}

}  // namespace cprobe
