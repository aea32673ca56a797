#pragma once

#include <torch/types.h>

#include <memory>
#include <string_view>
#include <vector>

#include "cprobe/model/architecture.h"

namespace cprobe {

/// What one mask parameter stands for.
enum class MaskUnit {
  kNeuron,  ///< One output unit of a weight matrix, all its incoming weights together (all published results).
  kWeight,  ///< One entry of a weight matrix.
};

std::string_view to_string(MaskUnit unit);        ///< "neuron" or "weight".
MaskUnit parse_mask_unit(std::string_view text);  ///< @throws Error (kInput) for any other text.

/// Training parameters of a mask over one component, one tensor per weight matrix in the order of `matrices_of`:
/// [n_out] (neuron) or [n_in, n_out] (weight) float32.
struct Mask {
  MaskUnit unit = MaskUnit::kNeuron;
  std::vector<MatrixInfo> matrices;
  std::vector<at::Tensor> parameters;
};

/// How mask parameters become multipliers: the seam for other mask learners. Implementations hold no state; all of it
/// is in Mask.
class MaskMethod {
 public:
  virtual ~MaskMethod() = default;

  virtual std::string_view name() const = 0;

  /// Fresh parameters for the matrices of a component; they require gradients.
  virtual Mask initial(std::vector<MatrixInfo> matrices, MaskUnit unit) const = 0;

  /// Multipliers during training, differentiable in the parameters. @param temperature >= 1, annealed by the fit loop.
  virtual std::vector<at::Tensor> multipliers(const Mask& mask, double temperature) const = 0;

  /// The relaxed number of weights kept, given the training multipliers: scalar float32, differentiable.
  virtual at::Tensor relaxed_size(const Mask& mask, const std::vector<at::Tensor>& multipliers) const = 0;

  /// The units kept at evaluation: bool tensors shaped like the parameters.
  virtual std::vector<at::Tensor> kept(const Mask& mask) const = 0;
};

/// Continuous sparsification (Savarese et al. 2020): m = sigmoid(temperature * s), kept where s > 0; the relaxed size
/// is sum_j fan_in_j * m_j, so that a neuron counts its incoming weights.
/// @param initial_value of every s; the paper's is 0.
std::unique_ptr<MaskMethod> continuous_sparsification(double initial_value = 0.0);

/// Weights that one unit of a matrix stands for: n_in (neuron) or 1 (weight).
int64_t weights_per_unit(const MatrixInfo& matrix, MaskUnit unit);

}  // namespace cprobe
