#pragma once

#include <ATen/core/Generator.h>
#include <c10/util/ArrayRef.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/model/architecture.h"

namespace cprobe {

/// The unit that one mask parameter stands for.
enum class MaskUnit {
  /// One output unit of a weight matrix: all its incoming weights together. All published results
  /// use this unit.
  kNeuron,
  kWeight,  ///< One entry of a weight matrix.
  /// One attention head; heads that share keys and values are one unit. Units belong to the matrix
  /// that makes the values.
  kHead,
};
inline constexpr std::array kMaskUnits = {MaskUnit::kNeuron, MaskUnit::kWeight, MaskUnit::kHead};

std::string_view to_string(MaskUnit unit);        ///< "neuron", "weight" or "head".
MaskUnit parse_mask_unit(std::string_view text);  ///< @throws Error (kInput) for any other text.

/// Training parameters of a mask over one or several components; or of several masks over the same
/// components, which are trained side by side.
struct Mask {
  MaskUnit unit = MaskUnit::kNeuron;
  /// Matrices of all components, component by component, in the order of `matrices_of`.
  std::vector<MatrixInfo> matrices;
  /// Per matrix, float32 as `unit_shape`. Several masks have a first axis [n_masks] more.
  std::vector<at::Tensor> parameters;
};

/// A mask whose parameters all have one value and require gradients.
/// @param device  of the parameters.
Mask uniform_mask(std::vector<MatrixInfo> matrices, MaskUnit unit, double value, at::Device device = at::kCPU);

/// The device of some weights and of their masks; the CPU if there are no weights.
at::Device device_of(const std::vector<at::Tensor>& weights);

/// A mask method: how mask parameters become multipliers. New methods derive from this class. A
/// method holds no state of a training; the Mask holds all of it.
class MaskMethod {
 public:
  virtual ~MaskMethod() = default;

  virtual std::string_view name() const = 0;
  virtual bool trains() const { return true; }  ///< False: the initial mask is the result.

  /// Parameters for some matrices at the start of training. The parameters require gradients,
  /// unless the method trains nothing.
  /// @param weights  weight of each matrix, [n_in, n_out]. The parameters are on the device of the
  ///                 weights.
  virtual Mask initial(std::vector<MatrixInfo> matrices, MaskUnit unit,
                       const std::vector<at::Tensor>& weights) const = 0;

  /// Multipliers during training, differentiable in the parameters. One of exactly 0 passes its
  /// parameter no gradient: `fit` leaves such units out (circuit/open_units.h).
  /// @param temperature  >= 1, annealed by `fit`. Methods without a temperature ignore this value.
  /// @param noise        CPU generators, one per mask, for methods that draw.
  /// @throws Error (kFailed) if the method draws and there is no generator per mask.
  virtual std::vector<at::Tensor> multipliers(const Mask& mask, double temperature,
                                              at::ArrayRef<at::Generator> noise) const = 0;

  /// The relaxed number of weights kept: scalar, or [n_masks] for several masks; differentiable.
  /// @param multipliers  as `multipliers` returned for this training step.
  virtual at::Tensor relaxed_size(const Mask& mask, const std::vector<at::Tensor>& multipliers) const = 0;

  /// The units kept at evaluation: bool tensors in the parameters' shapes.
  virtual std::vector<at::Tensor> kept(const Mask& mask) const = 0;
};

/// Continuous sparsification (Savarese et al. 2020).
///   - Multipliers: m = sigmoid(temperature * s).
///   - Kept: units with s > 0.
///   - Relaxed size: sum_j fan_in_j * m_j, so that a neuron counts its incoming weights.
/// @param initial_value  of every s. The paper's is 0.
std::unique_ptr<MaskMethod> continuous_sparsification(double initial_value = 0.0);

/// Hard concrete gates (Louizos et al. 2018, equations 10-12), with the constants of Cao et al.
/// 2021. Each step draws each multiplier anew, from u uniform in (0, 1) and the parameter
/// log alpha:
///
///     m = clamp(1.2 sigmoid((log u - log(1 - u) + log alpha) / beta) - 0.1, 0, 1),     beta = 2/3
///
///   - Multipliers: exactly 0 and exactly 1 have probabilities above 0.
///   - Kept: units whose gate without noise, clamp(1.2 sigmoid(log alpha) - 0.1, 0, 1), is above
///     1/2.
///   - Relaxed size: the expected number of weights whose gate is not 0,
///     sum_j fan_in_j sigmoid(log alpha_j - beta log(0.1 / 1.1)).
///   - Temperature: none.
/// @param keep_probability  probability, in (0, 1), that a gate is above 1/2 at the start. The
///                          initial log alpha is the logit of this value. Cao et al. start at 5/6,
///                          where the gate without noise is 0.9.
/// @throws Error (kInput) if the keep probability is out of range.
std::unique_ptr<MaskMethod> hard_concrete(double keep_probability = 0.9);

/// Magnitude pruning: keeps the units with the largest weights of each matrix. Trains nothing. Mask
/// methods that train should do better.
///   - Unit weight: keeps the largest |w|.
///   - Unit neuron: keeps the neurons whose incoming weights have the largest Euclidean norm.
///   - Multipliers: the hard mask.
/// @param density  share of each matrix's units that is kept, in [0, 1], rounded to a whole number
///                 of units. Of equal units, the first is kept.
/// @throws Error (kInput) if the density is out of range.
std::unique_ptr<MaskMethod> magnitude_pruning(double density = 0.1);

/// The mask methods. Each has a row in the table of circuit/mask.cc.
enum class MaskKind { kContinuousSparsification, kHardConcrete, kMagnitudePruning };
inline constexpr std::array kMaskKinds = {MaskKind::kContinuousSparsification, MaskKind::kHardConcrete,
                                          MaskKind::kMagnitudePruning};

/// "continuous_sparsification", ...: as MaskMethod::name.
std::string_view to_string(MaskKind kind);
MaskKind parse_mask_kind(std::string_view text);  ///< @throws Error (kInput) for any other text.
/// All names, separated by commas, for messages and help.
std::string mask_method_names();

/// The one option of a mask method: its key in specs, and its default value.
struct MaskOption {
  std::string_view key;
  double otherwise = 0;
  /// The default with the paper's training, whose steps are too short to close gates that start as
  /// open as `otherwise` of hard concrete.
  double in_papers_training = otherwise;
};
MaskOption mask_option(MaskKind kind);  ///< mask_init, keep_probability or density.

/// With what a mask method trains unless it is told otherwise. Continuous sparsification: as in the
/// paper. Hard concrete: what finds planted circuits (docs/benchmark.md).
struct TrainingDefaults {
  int64_t epochs = 90;
  double learning_rate = 1e-3;
  std::optional<double> l0_weight = 1e-6;  ///< None: a path of weights (auto_l0_weights).
};
TrainingDefaults training_defaults(MaskKind kind);

/// @param option  value of the method's MaskOption.
/// @throws Error (kInput) if the option is out of range.
std::unique_ptr<MaskMethod> make_mask_method(MaskKind kind, double option);

/// sum_j fan_in_j x_j over the units of all matrices, with fan_in_j the unit's `weights_per_unit`:
/// scalar float32, or [n_masks] for several masks; differentiable.
/// @param x  per matrix, shaped like the parameters.
at::Tensor sum_over_weights(const Mask& mask, const std::vector<at::Tensor>& x);

/// Number of weights that one unit of a matrix stands for: n_in (neuron), 1 (weight) or
/// MatrixInfo::weights_per_head.
int64_t weights_per_unit(const MatrixInfo& matrix, MaskUnit unit);

/// Shape of the units of a matrix: [n_out] (neuron), [n_in, n_out] (weight) or [n_heads] (head),
/// which is [0] for a matrix that makes no values.
std::vector<int64_t> unit_shape(const MatrixInfo& matrix, MaskUnit unit);

/// Whether a tensor of units, such as parameters or multipliers, has a first axis for several
/// masks.
bool has_several_masks(const at::Tensor& of_units, MaskUnit unit);

}  // namespace cprobe
