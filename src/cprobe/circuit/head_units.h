#pragma once

#include <cstdint>
#include <vector>

#include "cprobe/circuit/circuit.h"

namespace cprobe {

/// The outputs of an attention block's matrices that a head's number is meant for.
enum class HeadPart {
  /// For gates and ablations: as the weights of attention sum to 1, the values scale what the head
  /// reads. Queries and keys of a head may count in a norm over all heads.
  kValues,
  kAll,  ///< Queries, keys and values: for heads that see other inputs.
};

/// Spreads numbers of heads over the outputs of their block's matrices, so that what is computed of
/// neurons serves heads as well. Differentiable. Numbers of other units come back as they are.
/// @param matrices  of one attention block, in the order of `matrices_of`.
/// @param of_units  one per matrix, [..., units of the matrix]; undefined: not masked.
/// @return          one per matrix, [..., n_out], with 1 for outputs of no head; undefined if no
///                  heads are given.
std::vector<at::Tensor> over_outputs(const ModelConfig& config, const std::vector<MatrixInfo>& matrices, MaskUnit unit,
                                     std::vector<at::Tensor> of_units, HeadPart part);

/// Numbers of units (unit neuron), weights (unit weight) or outputs (unit head) of a circuit that
/// make each attention head's queries, keys and values.
struct HeadUnits {
  std::vector<int64_t> q;  ///< Per query head.
  std::vector<int64_t> k;  ///< Per key/value head; there may be fewer than query heads.
  std::vector<int64_t> v;  ///< Per key/value head.
};

/// Counts a circuit's units or weights per attention head.
/// @param circuit  of one attention block of a model with this config.
/// @throws Error (kInput) naming the components of any other circuit.
HeadUnits head_units(const Circuit& circuit, const ModelConfig& config);

/// Whether `head_units` accepts the circuit of a file.
bool has_head_units(const CircuitFile& file);

}  // namespace cprobe
