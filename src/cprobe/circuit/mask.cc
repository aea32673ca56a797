#include "cprobe/circuit/mask.h"

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

constexpr std::array<std::string_view, kMaskKinds.size()> kNames = {"continuous_sparsification", "hard_concrete",
                                                                    "magnitude_pruning"};

}  // namespace

std::string_view to_string(MaskUnit unit) {
  return unit == MaskUnit::kNeuron ? "neuron" : "weight";
}

MaskUnit parse_mask_unit(std::string_view text) {
  if (text == "neuron") return MaskUnit::kNeuron;
  if (text == "weight") return MaskUnit::kWeight;
  throw input_error("unknown mask unit '{}': expected neuron or weight", text);
}

std::string_view to_string(MaskKind kind) {
  return kNames[static_cast<size_t>(kind)];
}

MaskKind parse_mask_kind(std::string_view text) {
  for (const MaskKind kind : kMaskKinds) {
    if (text == to_string(kind)) return kind;
  }
  throw input_error("unknown mask method '{}': expected one of {}", text, fmt::join(kNames, ", "));
}

MaskOption mask_option(MaskKind kind) {
  switch (kind) {
    case MaskKind::kContinuousSparsification:
      return {"mask_init", 0.0};
    case MaskKind::kHardConcrete:
      return {"keep_probability", 0.5};
    case MaskKind::kMagnitudePruning:
      return {"density", 0.1};
  }
  throw failure("unknown mask method");
}

std::unique_ptr<MaskMethod> make_mask_method(MaskKind kind, double option) {
  switch (kind) {
    case MaskKind::kContinuousSparsification:
      return continuous_sparsification(option);
    case MaskKind::kHardConcrete:
      return hard_concrete(option);
    case MaskKind::kMagnitudePruning:
      return magnitude_pruning(option);
  }
  throw failure("unknown mask method");
}

Mask uniform_mask(std::vector<MatrixInfo> matrices, MaskUnit unit, double value) {
  Mask mask{.unit = unit, .matrices = std::move(matrices)};
  for (const MatrixInfo& matrix : mask.matrices) {
    mask.parameters.push_back(at::full(unit_shape(matrix, unit), value, at::kFloat).requires_grad_());
  }
  return mask;
}

at::Tensor sum_over_weights(const Mask& mask, const std::vector<at::Tensor>& x) {
  at::Tensor sum = at::zeros({}, at::kFloat);
  for (size_t i = 0; i < x.size(); ++i) {
    sum = sum + x[i].sum() * static_cast<double>(weights_per_unit(mask.matrices[i], mask.unit));
  }
  return sum;
}

int64_t weights_per_unit(const MatrixInfo& matrix, MaskUnit unit) {
  return unit == MaskUnit::kNeuron ? matrix.n_in : 1;
}

std::vector<int64_t> unit_shape(const MatrixInfo& matrix, MaskUnit unit) {
  return unit == MaskUnit::kNeuron ? std::vector{matrix.n_out} : std::vector{matrix.n_in, matrix.n_out};
}

}  // namespace cprobe
