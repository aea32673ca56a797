#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/core/extent.h"

namespace cprobe {

/// A set of units of the weight matrices of one or several components: a hard mask, as probing
/// finds it.
struct Circuit {
  MaskUnit unit = MaskUnit::kNeuron;
  /// Matrices of all components, component by component in the model's order.
  std::vector<MatrixInfo> matrices;
  /// Per matrix, bool as `unit_shape`: true inside the circuit.
  std::vector<at::Tensor> members;
  /// Per matrix, float32 as `unit_shape`: how strongly training wanted each unit in the circuit.
  /// The numbers are the mask's parameters: s, or log alpha. Empty for unit weight, for circuits of
  /// methods that train nothing, and for those made of others.
  std::vector<at::Tensor> scores;
  /// Origin as text: version, method, variable, model fingerprint, seeds, options.
  std::map<std::string, std::string> provenance;

  std::vector<ComponentRef> components() const;  ///< In the model's order.
  /// The only component. @throws Error (kInput) naming the components unless there is exactly one.
  ComponentRef component() const;
  int64_t n_weights() const;    ///< Weights in the circuit ("L0 Norm").
  int64_t max_weights() const;  ///< Weights of all matrices ("L0 Max").
  int64_t n_units() const;      ///< Units in the circuit.
  int64_t max_units() const;    ///< Units of all matrices.
  Extent extent() const { return extent_of(n_units(), max_units()); }
};

std::string to_string(const std::vector<ComponentRef>& components);  ///< "L0.attn, L0.mlp".

/// The units that a mask method keeps of a mask after training, on the CPU. The provenance names
/// the method.
Circuit make_circuit(const Mask& mask, const MaskMethod& method);

/// Multipliers that keep only the circuit: 1 inside, 0 outside. Per matrix, float32, shaped as
/// Circuit::members.
std::vector<at::Tensor> keep_multipliers(const Circuit& circuit);

/// Writes a circuit file (docs/file_formats.md): one U8 tensor per weight matrix that has units,
/// under the checkpoint's name of the tensor, and one F32 tensor of scores. In unit weight, the U8
/// tensor has the axes of the checkpoint's tensor. All else is written as metadata.
void save_circuit(const Circuit& circuit, const std::filesystem::path& path);
/// The bytes of the file that `save_circuit` writes.
std::string circuit_bytes(const Circuit& circuit);

/// A circuit file as read, without the sizes of its model. Tells the number of units, but not
/// heads. In unit neuron, does not tell the number of weights.
struct CircuitFile {
  std::vector<ComponentRef> components;  ///< At least one, in the model's order.
  MaskUnit unit = MaskUnit::kNeuron;
  /// By the checkpoint's name of the tensor; values as in Circuit::members.
  std::map<std::string, at::Tensor> members;
  std::map<std::string, at::Tensor> scores;  ///< By the same names; values as in Circuit::scores.
  /// Whether the checkpoint stores the matrices as [n_out, n_in] (MatrixInfo::transposed). Files of
  /// earlier versions do not say.
  std::optional<bool> transposed;
  std::map<std::string, std::string> provenance;
  /// The file. Named in messages and in the provenance of circuits made of this one.
  std::string source;

  int64_t n_units() const;    ///< Units in the circuit.
  int64_t max_units() const;  ///< Units of all matrices.
  Extent extent() const { return extent_of(n_units(), max_units()); }
};

/// The axes of the checkpoint's matrices: "n_in, n_out" or "n_out, n_in"; empty if a file does not
/// say.
std::string checkpoint_axes(const CircuitFile& circuit);

/// Writes the same file from a circuit without sizes.
void save_circuit(const CircuitFile& circuit, const std::filesystem::path& path);

/// Reads a circuit file without its model.
/// @throws Error (kInput) naming the file and, if there is one, the tensor:
///   - the file is no circuit file;
///   - an unknown component or unit;
///   - components that are not in the model's order;
///   - unknown axes, or axes that the format does not have;
///   - a tensor of another dtype or number of axes than the unit's;
///   - values other than 0 and 1;
///   - scores of a matrix that the file lacks, or of another shape.
CircuitFile read_circuit_file(const std::filesystem::path& path);

/// Gives a circuit the sizes of its model.
/// @throws Error (kInput) naming `source` and tensor if matrices, shapes or axes differ from the
///         model's.
Circuit circuit_of(CircuitFile file, const ModelConfig& config);

/// The circuit without its model's sizes. @param source  as CircuitFile::source.
CircuitFile circuit_file(const Circuit& circuit, std::string source);

/// Reads the circuit file of a model with this config.
/// @throws Error (kInput) as read_circuit_file and circuit_of.
Circuit load_circuit(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace cprobe
