#include <algorithm>
#include <cmath>

#include "cprobe/circuit/mask.h"
#include "cprobe/core/error.h"

namespace cprobe {
namespace {

/// Gates are stretched from (0, 1) to (kLow, kHigh) and then clamped to [0, 1]. Gates are thus
/// exactly 0 or exactly 1 with a probability above 0.
constexpr double kLow = -0.1, kHigh = 1.1;
constexpr double kBeta = 2.0 / 3;

class HardConcrete : public MaskMethod {
 public:
  explicit HardConcrete(double keep_probability)
      : initial_value_(std::log(keep_probability / (1 - keep_probability))) {}

  std::string_view name() const override { return to_string(MaskKind::kHardConcrete); }

  Mask initial(std::vector<MatrixInfo> matrices, MaskUnit unit, const std::vector<at::Tensor>& weights) const override {
    return uniform_mask(std::move(matrices), unit, initial_value_, device_of(weights));
  }

  std::vector<at::Tensor> multipliers(const Mask& mask, double /*temperature*/,
                                      at::ArrayRef<at::Generator> noise) const override {
    std::vector<at::Tensor> multipliers;
    for (const at::Tensor& log_alpha : mask.parameters) {
      const int64_t n_masks = has_several_masks(log_alpha, mask.unit) ? log_alpha.size(0) : 1;
      const auto defined = [](const at::Generator& one) { return one.defined(); };
      if (static_cast<int64_t>(noise.size()) != n_masks || !std::ranges::all_of(noise, defined)) {
        throw failure("hard concrete: gates are drawn, and there is no generator to draw from");
      }
      // u lies in [0, 1). If u is 0, the gate is 0 and has no gradient.
      const at::Tensor u = at::empty(log_alpha.sizes());
      const at::Tensor of_masks = u.view({n_masks, u.numel() / n_masks});
      for (int64_t i = 0; i < n_masks; ++i) of_masks[i].uniform_(0, 1, noise[static_cast<size_t>(i)]);
      const at::Tensor concrete = at::sigmoid((at::logit(u.to(log_alpha.device())) + log_alpha) / kBeta);
      multipliers.push_back(at::clamp(concrete * (kHigh - kLow) + kLow, 0, 1));
    }
    return multipliers;
  }

  at::Tensor relaxed_size(const Mask& mask, const std::vector<at::Tensor>& /*multipliers*/) const override {
    const double shift = kBeta * std::log(-kLow / kHigh);
    std::vector<at::Tensor> not_zero;
    for (const at::Tensor& log_alpha : mask.parameters) not_zero.push_back(at::sigmoid(log_alpha - shift));
    return sum_over_weights(mask, not_zero);
  }

  std::vector<at::Tensor> kept(const Mask& mask) const override {
    std::vector<at::Tensor> kept;
    // (kLow, kHigh) is symmetric about 1/2, so the gate without noise is above 1/2 exactly if
    // sigmoid(log alpha) is above 1/2.
    for (const at::Tensor& log_alpha : mask.parameters) kept.push_back(log_alpha.detach() > 0);
    return kept;
  }

 private:
  double initial_value_;
};

}  // namespace

std::unique_ptr<MaskMethod> hard_concrete(double keep_probability) {
  if (!(keep_probability > 0 && keep_probability < 1)) {
    throw input_error("hard concrete masks: keep_probability must lie between 0 and 1, found {}", keep_probability);
  }
  return std::make_unique<HardConcrete>(keep_probability);
}

}  // namespace cprobe
