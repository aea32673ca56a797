#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/io/digest_cache.h"
#include "cprobe/model/architecture.h"
#include "cprobe/model/config.h"

namespace cprobe {

/// A linear map y = x W + b.
struct Linear {
  at::Tensor weight;  ///< [n_in, n_out] float32, bfloat16 or float16; may be a transposed view.
  at::Tensor bias;    ///< [n_out] float32, or undefined.
};

/// The digest of a weight (model/weight_digest.h), known since the weight was loaded. Holds as long
/// as the model still has this tensor, and nothing was written to the tensor.
struct KnownDigest {
  at::Tensor weight;
  uint64_t hash = 0;
  uint32_t version = 0;  ///< `_version()` of the tensor when it was hashed.
};

/// A decoder: sizes and weights. Weights have canonical names (architecture.h), and matrices the
/// layout [n_in, n_out]. Copies share storage.
///
/// Norms and biases are float32. Matrices are float32, bfloat16 or float16, as their file has them:
/// `gemm` widens a part of a matrix when it multiplies, which is exact, and computes in float32.
/// Weights loaded from a file are the memory-mapped file itself (norms and biases only if the file
/// has them as float32) and must not be written to.
struct Model {
  ModelConfig config;
  std::map<std::string, at::Tensor> weights;
  /// By canonical name, for `fingerprint` only. May lack weights, and may be of earlier weights.
  std::map<std::string, KnownDigest> digests;
  std::vector<std::string> notes;  ///< What users should know of the files that were read.

  /// @throws Error (kFailed) if the model has no weight of that canonical name.
  const at::Tensor& weight(const std::string& name) const;
  /// The linear map of `name` + ".weight" and, if the model has one, `name` + ".bias".
  Linear linear(const std::string& name) const;
  /// The matrices of a component, in the order of `matrices_of`.
  std::vector<Linear> linears(const ComponentRef& component) const;
  at::Tensor unembedding() const;  ///< [vocab, d_model], a matrix like the others.
  /// The device of the weights. Streams and multipliers are on the same device; index tensors are
  /// always on the CPU.
  at::Device device() const;
};

/// The same model with its weights on a device. Weights that are already on the device are shared.
/// On devices other than the CPU all weights become float32, which takes twice the memory of a file
/// of 16 bits a number.
Model on_device(const Model& model, at::Device device);

/// Loads a Hugging Face folder: config.json and model.safetensors (or shards with their index).
/// Matrices stay as the file has them.
///
/// Weights are read through once, to see that all are finite and for the model's fingerprint. Of a
/// large file, `cache` remembers both, and a file that has not changed since is not read again. By
/// default nothing is remembered.
/// @throws Error (kInput), as `read_model_config`, and naming file and tensor: a missing,
///         unexpected or misshapen tensor, another dtype, a NaN or infinite weight.
Model load_model(const std::filesystem::path& folder, const DigestCache& cache = {});

/// Writes config.json and model.safetensors, loadable by `transformers` and by `load_model`.
/// Weights are written in their dtypes.
/// @throws Error (kFailed).
void save_model(const Model& model, const std::filesystem::path& folder);

/// A model with fresh weights, as GPT-2 draws them:
///   - matrices: normal with standard deviation `initializer_range`, divided by sqrt(2 n_layers)
///     for output projections;
///   - biases: 0;
///   - norm weights: 1.
///
/// All are float32, which takes twice the memory of a file of 16 bits a number.
/// Each weight has its own random stream, so the order of the architecture table does not matter.
Model random_model(const ModelConfig& config, Seed seed);

/// A negative control, on the model's device: draws all weights again.
/// @param keep_embeddings  keeps token and position embeddings, and a tied unembedding.
Model reinitialised(const Model& model, bool keep_embeddings, Seed seed);

/// A negative control: shuffles the entries of each weight matrix of one component. All other
/// weights are shared with `model`.
Model with_shuffled_component(const Model& model, const ComponentRef& component, Seed seed);

/// A hash of sizes and weights, the same on every machine and for every dtype that holds the same
/// numbers: "w2:" and 16 hexadecimal digits. Hashes only weights that are not in `digests`.
std::string fingerprint(const Model& model);

/// Whether fingerprints are of different models. False if it cannot be told, because one of them is
/// of an earlier form (16 digits only).
bool are_of_different_models(const std::string& a, const std::string& b);

}  // namespace cprobe
