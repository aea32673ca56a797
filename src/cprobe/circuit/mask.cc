#include "cprobe/circuit/mask.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"

namespace cprobe {
namespace {

struct NamedMethod {
  MaskKind kind;
  std::string_view name;
  MaskOption option;
  TrainingDefaults training;
  std::unique_ptr<MaskMethod> (*make)(double option);
};

constexpr std::array<NamedMethod, kMaskKinds.size()> kMaskMethods = {{
    {MaskKind::kContinuousSparsification,
     "continuous_sparsification",
     {"mask_init", 0.0},
     {},
     continuous_sparsification},
    {MaskKind::kHardConcrete,
     "hard_concrete",
     {"keep_probability", 0.9, 0.5},
     {.epochs = 30, .learning_rate = 0.1, .l0_weight = {}},
     hard_concrete},
    {MaskKind::kMagnitudePruning, "magnitude_pruning", {"density", 0.1}, {}, magnitude_pruning},
}};

const NamedMethod& entry_of(MaskKind kind) {
  return *std::ranges::find(kMaskMethods, kind, &NamedMethod::kind);
}

}  // namespace

std::string_view to_string(MaskUnit unit) {
  return name_of(unit, {"neuron", "weight", "head"});
}

MaskUnit parse_mask_unit(std::string_view text) {
  const auto found = std::ranges::find(kMaskUnits, text, [](MaskUnit unit) { return to_string(unit); });
  if (found != kMaskUnits.end()) return *found;
  throw input_error("unknown mask unit '{}': expected neuron, weight or head", text);
}

std::string_view to_string(MaskKind kind) {
  return entry_of(kind).name;
}

MaskKind parse_mask_kind(std::string_view text) {
  const auto found = std::ranges::find(kMaskMethods, text, &NamedMethod::name);
  if (found != kMaskMethods.end()) return found->kind;
  throw input_error("unknown mask method '{}': expected one of {}", text, mask_method_names());
}

std::string mask_method_names() {
  std::array<std::string_view, kMaskMethods.size()> names;
  std::ranges::transform(kMaskMethods, names.begin(), &NamedMethod::name);
  return fmt::format("{}", fmt::join(names, ", "));
}

MaskOption mask_option(MaskKind kind) {
  return entry_of(kind).option;
}

TrainingDefaults training_defaults(MaskKind kind) {
  return entry_of(kind).training;
}

std::unique_ptr<MaskMethod> make_mask_method(MaskKind kind, double option) {
  return entry_of(kind).make(option);
}

at::Device device_of(const std::vector<at::Tensor>& weights) {
  return weights.empty() ? at::Device(at::kCPU) : weights.front().device();
}

Mask uniform_mask(std::vector<MatrixInfo> matrices, MaskUnit unit, double value, at::Device device) {
  Mask mask{.unit = unit, .matrices = std::move(matrices)};
  for (const MatrixInfo& matrix : mask.matrices) {
    mask.parameters.push_back(
        at::full(unit_shape(matrix, unit), value, at::TensorOptions(at::kFloat).device(device)).requires_grad_());
  }
  return mask;
}

at::Tensor sum_over_weights(const Mask& mask, const std::vector<at::Tensor>& x) {
  at::Tensor sum = at::zeros({}, at::TensorOptions(at::kFloat).device(device_of(x)));
  for (size_t i = 0; i < x.size(); ++i) {
    const at::Tensor units = x[i].flatten(has_several_masks(x[i], mask.unit) ? 1 : 0);
    sum = sum + units.sum(-1) * static_cast<double>(weights_per_unit(mask.matrices[i], mask.unit));
  }
  return sum;
}

int64_t weights_per_unit(const MatrixInfo& matrix, MaskUnit unit) {
  switch (unit) {
    case MaskUnit::kNeuron:
      return matrix.n_in;
    case MaskUnit::kWeight:
      return 1;
    case MaskUnit::kHead:
      return matrix.weights_per_head;
  }
  throw failure("unknown mask unit");
}

std::vector<int64_t> unit_shape(const MatrixInfo& matrix, MaskUnit unit) {
  switch (unit) {
    case MaskUnit::kNeuron:
      return {matrix.n_out};
    case MaskUnit::kWeight:
      return {matrix.n_in, matrix.n_out};
    case MaskUnit::kHead:
      return {matrix.n_heads};
  }
  throw failure("unknown mask unit");
}

bool has_several_masks(const at::Tensor& of_units, MaskUnit unit) {
  return of_units.dim() > (unit == MaskUnit::kWeight ? 2 : 1);
}

}  // namespace cprobe
