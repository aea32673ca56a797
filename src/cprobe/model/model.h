#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/model/architecture.h"
#include "cprobe/model/config.h"

namespace cprobe {

/// A linear map y = x W + b.
struct Linear {
  at::Tensor weight;  ///< [n_in, n_out] float32; may be a transposed view.
  at::Tensor bias;    ///< [n_out] float32, or undefined.
};

/// A decoder: sizes and weights. Weights have canonical names (architecture.h) and the layout [n_in, n_out].
/// Copies share storage; a loaded model's weights are the memory-mapped file itself where that is float32, and must not
/// be written to.
struct Model {
  ModelConfig config;
  std::map<std::string, at::Tensor> weights;

  /// @throws Error (kFailed) if there is no weight of that canonical name.
  const at::Tensor& weight(const std::string& name) const;
  /// The linear map `name` + ".weight" and, where the model has it, `name` + ".bias".
  Linear linear(const std::string& name) const;
  /// The matrices of a component, in the order of `matrices_of`.
  std::vector<Linear> linears(const ComponentRef& component) const;
  at::Tensor unembedding() const;  ///< [vocab, d_model] float32.
  /// That of the weights: streams and multipliers are there as well, all index tensors on the CPU.
  at::Device device() const;
};

/// The same model with its weights on a device; those that are there already are shared.
Model on_device(const Model& model, at::Device device);

/// Loads a Hugging Face folder: config.json and model.safetensors (or shards with their index). F16 and BF16 become
/// float32.
/// @throws Error (kInput) naming file and tensor: missing, unexpected or misshapen tensors, other dtypes, NaN or
/// infinite weights.
Model load_model(const std::filesystem::path& folder);

/// Writes config.json and model.safetensors, loadable by `transformers` and by load_model. @throws Error (kFailed).
void save_model(const Model& model, const std::filesystem::path& folder);

/// Fresh weights as GPT-2 draws them: normal with `initializer_range`, output projections divided by sqrt(2 n_layers),
/// biases 0, norms 1. Each weight has its own stream, so the order of the table does not matter.
Model random_model(const ModelConfig& config, Seed seed);

/// A negative control, on the model's device: all weights drawn again or, with `keep_embeddings`, all but the token and position embeddings
/// (and an unembedding tied to them).
Model reinitialised(const Model& model, bool keep_embeddings, Seed seed);

/// A negative control: the entries of each weight matrix of one component in random order; all else is shared with
/// `model`.
Model with_shuffled_component(const Model& model, const ComponentRef& component, Seed seed);

/// A hash of sizes and weights, the same on every machine: 16 hexadecimal digits.
std::string fingerprint(const Model& model);

}  // namespace cprobe
