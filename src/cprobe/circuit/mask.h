#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
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

/// A mask with all parameters at one value; they require gradients. @param device where they are.
Mask uniform_mask(std::vector<MatrixInfo> matrices, MaskUnit unit, double value, at::Device device = at::kCPU);

/// Where the masks of some weights are; the CPU where there are none.
at::Device device_of(const std::vector<at::Tensor>& weights);

/// How mask parameters become multipliers: the seam for other mask learners. Implementations hold no state; all of it
/// is in Mask.
class MaskMethod {
 public:
  virtual ~MaskMethod() = default;

  virtual std::string_view name() const = 0;

  /// Fresh parameters for the matrices of a component; they require gradients unless the method trains nothing.
  /// @param weights of the matrices, [n_in, n_out] each; the parameters are on their device.
  virtual Mask initial(std::vector<MatrixInfo> matrices, MaskUnit unit,
                       const std::vector<at::Tensor>& weights) const = 0;

  /// Multipliers during training, differentiable in the parameters.
  /// @param temperature >= 1, annealed by the fit loop; for methods that have one.
  /// @param noise       of the CPU, for methods that draw; they throw Error (kFailed) where it is undefined.
  virtual std::vector<at::Tensor> multipliers(const Mask& mask, double temperature,
                                              const at::Generator& noise) const = 0;

  /// The relaxed number of weights kept, given the training multipliers: scalar, differentiable.
  virtual at::Tensor relaxed_size(const Mask& mask, const std::vector<at::Tensor>& multipliers) const = 0;

  /// The units kept at evaluation: bool tensors shaped like the parameters.
  virtual std::vector<at::Tensor> kept(const Mask& mask) const = 0;
};

/// Continuous sparsification (Savarese et al. 2020): m = sigmoid(temperature * s), kept where s > 0; the relaxed size
/// is sum_j fan_in_j * m_j, so that a neuron counts its incoming weights.
/// @param initial_value of every s; the paper's is 0.
std::unique_ptr<MaskMethod> continuous_sparsification(double initial_value = 0.0);

/// Hard concrete gates (Louizos et al. 2018, equations 10-12), with the constants of Cao et al. 2021: a multiplier is
/// drawn anew in each step, for u uniform in (0, 1) and the parameter log alpha,
///
///     m = clamp(1.2 sigmoid((log u - log(1 - u) + log alpha) / beta) - 0.1, 0, 1),     beta = 2/3,
///
/// so it is 0 or 1 with a probability of its own. Kept are units whose gate without noise, clamp(1.2 sigmoid(log alpha)
/// - 0.1, 0, 1), is above a half. The relaxed size is the expected number of weights whose gate is not 0,
/// sum_j fan_in_j sigmoid(log alpha_j - beta log(0.1 / 1.1)). There is no temperature to anneal.
/// @param keep_probability that a gate is above a half at the start, in (0, 1): log alpha is its logit. Cao et al. start
///        at 5/6, where the gate without noise is 0.9. @throws Error (kInput) if it is out of range.
std::unique_ptr<MaskMethod> hard_concrete(double keep_probability = 0.5);

/// Magnitude pruning: keeps the largest |w| of each matrix, or the neurons whose incoming weights have the largest
/// Euclidean norm. Nothing is trained; the multipliers are the hard mask. What a mask learner has to beat.
/// @param density share of each matrix's units that is kept, in [0, 1], rounded to a whole number of units; of equal
///        ones the first is kept. @throws Error (kInput) if it is out of range.
std::unique_ptr<MaskMethod> magnitude_pruning(double density = 0.1);

/// The methods, each a row of the table in circuit/mask.cc.
enum class MaskKind { kContinuousSparsification, kHardConcrete, kMagnitudePruning };
inline constexpr std::array kMaskKinds = {MaskKind::kContinuousSparsification, MaskKind::kHardConcrete,
                                          MaskKind::kMagnitudePruning};

std::string_view to_string(MaskKind kind);        ///< "continuous_sparsification", as MaskMethod::name.
MaskKind parse_mask_kind(std::string_view text);  ///< @throws Error (kInput) for any other text.
std::string mask_method_names();                  ///< All, with commas between, for messages and help.

/// The one option of a method: its key in specs, and its value where none is given.
struct MaskOption {
  std::string_view key;
  double otherwise = 0;
};
MaskOption mask_option(MaskKind kind);  ///< mask_init, keep_probability or density.

/// @param option the parameter of the functions above. @throws Error (kInput) if it is out of range.
std::unique_ptr<MaskMethod> make_mask_method(MaskKind kind, double option);

/// sum_j fan_in_j x_j over the units of all matrices: scalar float32, differentiable. @param x shaped like the parameters.
at::Tensor sum_over_weights(const Mask& mask, const std::vector<at::Tensor>& x);

/// Weights that one unit of a matrix stands for: n_in (neuron) or 1 (weight).
int64_t weights_per_unit(const MatrixInfo& matrix, MaskUnit unit);

/// Shape of the units of a matrix: [n_out] (neuron) or [n_in, n_out] (weight).
std::vector<int64_t> unit_shape(const MatrixInfo& matrix, MaskUnit unit);

}  // namespace cprobe
