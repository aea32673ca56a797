#include <cmath>

#include "cprobe/circuit/mask.h"
#include "cprobe/core/error.h"
#include "cprobe/core/half_precision.h"

namespace cprobe {
namespace {

/// Size of each unit: [n_out] Euclidean norms (unit neuron) or [n_in, n_out] absolute values (unit
/// weight).
/// @throws Error (kInput) for unit head: a head's weights are in several matrices.
at::Tensor unit_sizes(const at::Tensor& weight, MaskUnit unit) {
  if (unit == MaskUnit::kHead) throw input_error("magnitude pruning: expected unit neuron or weight, found head");
  return unit == MaskUnit::kNeuron ? at::norm(weight, 2, {0}) : weight.abs();
}

class MagnitudePruning : public MaskMethod {
 public:
  explicit MagnitudePruning(double density) : density_(density) {}

  std::string_view name() const override { return to_string(MaskKind::kMagnitudePruning); }
  bool trains() const override { return false; }

  Mask initial(std::vector<MatrixInfo> matrices, MaskUnit unit, const std::vector<at::Tensor>& weights) const override {
    if (weights.size() != matrices.size()) {
      throw failure("magnitude pruning: {} weights for {} matrices", weights.size(), matrices.size());
    }
    const at::NoGradGuard no_gradients;
    Mask mask{.unit = unit, .matrices = std::move(matrices)};
    for (const at::Tensor& weight : weights) {
      const at::Tensor sizes = unit_sizes(widened(weight), unit);
      const int64_t n_kept = std::llround(density_ * static_cast<double>(sizes.numel()));
      const at::Tensor order = std::get<1>(at::sort(sizes.reshape(-1), /*stable=*/true, 0, /*descending=*/true));
      const at::Tensor kept = at::zeros({sizes.numel()}, sizes.options()).index_fill_(0, order.narrow(0, 0, n_kept), 1);
      mask.parameters.push_back(kept.view(sizes.sizes()));
    }
    return mask;
  }

  std::vector<at::Tensor> multipliers(const Mask& mask, double /*temperature*/,
                                      at::ArrayRef<at::Generator> /*noise*/) const override {
    return mask.parameters;
  }

  at::Tensor relaxed_size(const Mask& mask, const std::vector<at::Tensor>& multipliers) const override {
    return sum_over_weights(mask, multipliers);
  }

  std::vector<at::Tensor> kept(const Mask& mask) const override {
    std::vector<at::Tensor> kept;
    for (const at::Tensor& multiplier : mask.parameters) kept.push_back(multiplier > 0);
    return kept;
  }

 private:
  double density_;
};

}  // namespace

std::unique_ptr<MaskMethod> magnitude_pruning(double density) {
  if (!(density >= 0 && density <= 1)) {
    throw input_error("magnitude pruning: density must lie in 0 to 1, found {}", density);
  }
  return std::make_unique<MagnitudePruning>(density);
}

}  // namespace cprobe
