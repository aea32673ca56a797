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

/// A decoder: sizes and weights. Weights have canonical names (architecture.h), and matrices the
/// layout [n_in, n_out]. Copies share storage. Weights loaded from a float32 file are the
/// memory-mapped file itself and must not be written to.
struct Model {
  ModelConfig config;
  std::map<std::string, at::Tensor> weights;

  /// @throws Error (kFailed) if the model has no weight of that canonical name.
  const at::Tensor& weight(const std::string& name) const;
  /// The linear map of `name` + ".weight" and, if the model has one, `name` + ".bias".
  Linear linear(const std::string& name) const;
  /// The matrices of a component, in the order of `matrices_of`.
  std::vector<Linear> linears(const ComponentRef& component) const;
  at::Tensor unembedding() const;  ///< [vocab, d_model] float32.
  /// The device of the weights. Streams and multipliers are on the same device; index tensors are
  /// always on the CPU.
  at::Device device() const;
};

/// The same model with its weights on a device. Weights that are already on the device are shared.
Model on_device(const Model& model, at::Device device);

/// Loads a Hugging Face folder: config.json and model.safetensors (or shards with their index). F16
/// and BF16 become float32.
/// @throws Error (kInput), as `read_model_config`, and naming file and tensor: a missing,
///         unexpected or misshapen tensor, another dtype, a NaN or infinite weight.
Model load_model(const std::filesystem::path& folder);

/// Writes config.json and model.safetensors, loadable by `transformers` and by `load_model`.
/// @throws Error (kFailed).
void save_model(const Model& model, const std::filesystem::path& folder);

/// A model with fresh weights, as GPT-2 draws them:
///   - matrices: normal with standard deviation `initializer_range`, divided by sqrt(2 n_layers)
///     for output projections;
///   - biases: 0;
///   - norm weights: 1.
///
/// Each weight has its own random stream, so the order of the architecture table does not matter.
Model random_model(const ModelConfig& config, Seed seed);

/// A negative control, on the model's device: draws all weights again.
/// @param keep_embeddings  keeps token and position embeddings, and a tied unembedding.
Model reinitialised(const Model& model, bool keep_embeddings, Seed seed);

/// A negative control: shuffles the entries of each weight matrix of one component. All other
/// weights are shared with `model`.
Model with_shuffled_component(const Model& model, const ComponentRef& component, Seed seed);

/// A hash of sizes and weights, the same on every machine, as 16 hexadecimal digits.
std::string fingerprint(const Model& model);

}  // namespace cprobe
