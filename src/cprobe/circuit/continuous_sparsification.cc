#include "cprobe/circuit/mask.h"

namespace cprobe {
namespace {

class ContinuousSparsification : public MaskMethod {
 public:
  explicit ContinuousSparsification(double initial_value) : initial_value_(initial_value) {}

  std::string_view name() const override { return to_string(MaskKind::kContinuousSparsification); }

  Mask initial(std::vector<MatrixInfo> matrices, MaskUnit unit, const std::vector<at::Tensor>& weights) const override {
    return uniform_mask(std::move(matrices), unit, initial_value_, device_of(weights));
  }

  std::vector<at::Tensor> multipliers(const Mask& mask, double temperature,
                                      at::ArrayRef<at::Generator> /*noise*/) const override {
    std::vector<at::Tensor> multipliers;
    for (const at::Tensor& s : mask.parameters) multipliers.push_back(at::sigmoid(s * temperature));
    return multipliers;
  }

  at::Tensor relaxed_size(const Mask& mask, const std::vector<at::Tensor>& multipliers) const override {
    return sum_over_weights(mask, multipliers);
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

std::unique_ptr<MaskMethod> continuous_sparsification(double initial_value) {
  return std::make_unique<ContinuousSparsification>(initial_value);
}

}  // namespace cprobe
