#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/core/extent.h"

namespace cprobe {

/// A set of units of the weight matrices of one component or of several: the hard mask that probing
/// found.
struct Circuit {
  MaskUnit unit = MaskUnit::kNeuron;
  /// Of all its components, component by component in the model's order.
  std::vector<MatrixInfo> matrices;
  /// Per matrix, [n_out] (neuron) or [n_in, n_out] (weight) bool: true inside the circuit.
  std::vector<at::Tensor> members;
  /// Where it came from, as text: version, method, variable, model fingerprint, seeds, options.
  std::map<std::string, std::string> provenance;

  std::vector<ComponentRef> components() const;  ///< In the model's order.
  /// The only component. @throws Error (kInput) naming the components if there are several.
  ComponentRef component() const;
  int64_t n_weights() const;    ///< Weights in the circuit ("L0 Norm").
  int64_t max_weights() const;  ///< Weights in its components ("L0 Max").
  int64_t n_units() const;      ///< Units in the circuit.
  int64_t max_units() const;
  Extent extent() const { return extent_of(n_units(), max_units()); }
};

std::string to_string(const std::vector<ComponentRef>& components);  ///< "L0.attn, L0.mlp".

/// The hard mask of training parameters.
Circuit make_circuit(const Mask& mask, const MaskMethod& method);

/// Multipliers that keep the circuit (its complement is at 0): 1 inside, 0 outside, float32.
std::vector<at::Tensor> keep_multipliers(const Circuit& circuit);

/// Writes one U8 tensor per weight matrix under the checkpoint's tensor name, and the rest as metadata
/// (docs/file_formats.md).
void save_circuit(const Circuit& circuit, const std::filesystem::path& path);
/// The bytes of that file.
std::string circuit_bytes(const Circuit& circuit);

/// A circuit without the sizes of its model: what a circuit file holds on its own. It tells units, but
/// neither heads nor, in unit neuron, weights.
struct CircuitFile {
  std::vector<ComponentRef> components;  ///< At least one, in the model's order.
  MaskUnit unit = MaskUnit::kNeuron;
  std::map<std::string, at::Tensor> members;  ///< By the checkpoint's tensor name, as Circuit::members.
  std::map<std::string, std::string> provenance;
  std::string source;  ///< File it came from, for messages and for the provenance of what is made of it.

  int64_t n_units() const;  ///< Units in the circuit.
  int64_t max_units() const;
  Extent extent() const { return extent_of(n_units(), max_units()); }
};

/// Writes it in the same form.
void save_circuit(const CircuitFile& circuit, const std::filesystem::path& path);

/// @throws Error (kInput) naming file and tensor: not a circuit, components that are not in the model's
///         order, values other than 0 and 1.
CircuitFile read_circuit_file(const std::filesystem::path& path);

/// The circuit of a model of these sizes. @throws Error (kInput) naming `source` and tensor: other
/// matrices or shapes than the model's.
Circuit circuit_of(CircuitFile file, const ModelConfig& config);

/// The same circuit without its sizes. @param source as CircuitFile::source.
CircuitFile circuit_file(const Circuit& circuit, std::string source);

/// Reads a circuit for a model of these sizes. @throws Error (kInput) as read_circuit_file and circuit_of.
Circuit load_circuit(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace cprobe
