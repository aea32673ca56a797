#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cprobe/circuit/mask.h"

namespace cprobe {

/// A set of units of one component's weight matrices: the hard mask that probing found.
struct Circuit {
  ComponentRef component;
  MaskUnit unit = MaskUnit::kNeuron;
  std::vector<MatrixInfo> matrices;
  /// Per matrix, [n_out] (neuron) or [n_in, n_out] (weight) bool: true inside the circuit.
  std::vector<at::Tensor> members;
  /// Where it came from, as text: version, method, variable, model fingerprint, seeds, options.
  std::map<std::string, std::string> provenance;

  int64_t n_weights() const;    ///< Weights in the circuit ("L0 Norm").
  int64_t max_weights() const;  ///< Weights in the component ("L0 Max").
  int64_t n_units() const;      ///< Units in the circuit.
  int64_t max_units() const;
  bool is_empty() const { return n_units() == 0; }
  bool is_full() const { return n_units() == max_units(); }
};

/// The hard mask of training parameters.
Circuit make_circuit(const ComponentRef& component, const Mask& mask, const MaskMethod& method);

/// Multipliers that keep the circuit (its complement is at 0): 1 inside, 0 outside, float32.
std::vector<at::Tensor> keep_multipliers(const Circuit& circuit);

/// Writes one U8 tensor per weight matrix under the checkpoint's tensor name, and the rest as metadata
/// (docs/file_formats.md).
void save_circuit(const Circuit& circuit, const std::filesystem::path& path);
/// The bytes of that file.
std::string circuit_bytes(const Circuit& circuit);

/// A circuit without the sizes of its model: what a circuit file holds on its own. It tells units, but neither heads nor,
/// in unit neuron, weights.
struct CircuitFile {
  ComponentRef component;
  MaskUnit unit = MaskUnit::kNeuron;
  std::map<std::string, at::Tensor> members;  ///< By the checkpoint's tensor name, as Circuit::members.
  std::map<std::string, std::string> provenance;
  std::string source;  ///< File it came from, for messages and for the provenance of what is made of it.

  int64_t n_units() const;  ///< Units in the circuit.
  int64_t max_units() const;
  bool is_empty() const { return n_units() == 0; }
  bool is_full() const { return n_units() == max_units(); }
};

/// Writes it in the same form.
void save_circuit(const CircuitFile& circuit, const std::filesystem::path& path);

/// @throws Error (kInput) naming file and tensor: not a circuit, values other than 0 and 1.
CircuitFile read_circuit_file(const std::filesystem::path& path);

/// The circuit of a model of these sizes. @throws Error (kInput) naming `source` and tensor: other matrices or shapes than
/// the model's.
Circuit circuit_of(CircuitFile file, const ModelConfig& config);

/// The same circuit without its sizes. @param source as CircuitFile::source.
CircuitFile circuit_file(const Circuit& circuit, std::string source);

/// Reads a circuit for a model of these sizes. @throws Error (kInput) as read_circuit_file and circuit_of.
Circuit load_circuit(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace cprobe
