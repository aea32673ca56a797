#include "cprobe/circuit/mask.h"

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

class ContinuousSparsification : public MaskMethod {
 public:
  explicit ContinuousSparsification(double initial_value) : initial_value_(initial_value) {}

  std::string_view name() const override { return "continuous_sparsification"; }

  Mask initial(std::vector<MatrixInfo> matrices, MaskUnit unit) const override {
    Mask mask{.unit = unit, .matrices = std::move(matrices)};
    for (const MatrixInfo& matrix : mask.matrices) {
      const std::vector<int64_t> shape =
          unit == MaskUnit::kNeuron ? std::vector{matrix.n_out} : std::vector{matrix.n_in, matrix.n_out};
      mask.parameters.push_back(at::full(shape, initial_value_, at::kFloat).requires_grad_());
    }
    return mask;
  }

  std::vector<at::Tensor> multipliers(const Mask& mask, double temperature) const override {
    std::vector<at::Tensor> multipliers;
    for (const at::Tensor& s : mask.parameters) multipliers.push_back(at::sigmoid(s * temperature));
    return multipliers;
  }

  at::Tensor relaxed_size(const Mask& mask, const std::vector<at::Tensor>& multipliers) const override {
    at::Tensor size = at::zeros({}, at::kFloat);
    for (size_t i = 0; i < multipliers.size(); ++i) {
      size = size + multipliers[i].sum() * static_cast<double>(weights_per_unit(mask.matrices[i], mask.unit));
    }
    return size;
  }

  std::vector<at::Tensor> kept(const Mask& mask) const override {
    std::vector<at::Tensor> kept;
    for (const at::Tensor& s : mask.parameters) kept.push_back(s.detach() > 0);
    return kept;
  }

 private:
  double initial_value_;
};

}  // namespace

std::string_view to_string(MaskUnit unit) {
  return unit == MaskUnit::kNeuron ? "neuron" : "weight";
}

MaskUnit parse_mask_unit(std::string_view text) {
  if (text == "neuron") return MaskUnit::kNeuron;
  if (text == "weight") return MaskUnit::kWeight;
  throw input_error("unknown mask unit '{}': expected neuron or weight", text);
}

std::unique_ptr<MaskMethod> continuous_sparsification(double initial_value) {
  return std::make_unique<ContinuousSparsification>(initial_value);
}

int64_t weights_per_unit(const MatrixInfo& matrix, MaskUnit unit) {
  return unit == MaskUnit::kNeuron ? matrix.n_in : 1;
}

}  // namespace cprobe
