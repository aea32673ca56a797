#include "cprobe/circuit/mask.h"

#include <cmath>

#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;

/// c_fc, [8, 12], and c_proj, [12, 8].
std::vector<MatrixInfo> mlp_matrices() {
  return matrices_of(testing::tiny_config(), {0, Block::kMlp});
}

TEST(ContinuousSparsification, StartsWithEveryUnitAtTheSameValue) {
  const Mask neurons = continuous_sparsification()->initial(mlp_matrices(), MaskUnit::kNeuron, {});
  EXPECT_TRUE(at::equal(neurons.parameters[0], at::zeros({12})));
  EXPECT_TRUE(at::equal(neurons.parameters[1], at::zeros({8})));
  const Mask weights = continuous_sparsification(0.25)->initial(mlp_matrices(), MaskUnit::kWeight, {});
  EXPECT_TRUE(at::equal(weights.parameters[0], at::full({8, 12}, 0.25)));
  for (const at::Tensor& s : weights.parameters) EXPECT_TRUE(s.requires_grad());
}

TEST(ContinuousSparsification, MultipliersAreSigmoidsThatSharpenWithTemperature) {
  Mask mask{.unit = MaskUnit::kNeuron, .matrices = mlp_matrices()};
  mask.parameters = {at::linspace(-1, 1, 12), at::full({8}, 0.5)};
  const auto method = continuous_sparsification();
  EXPECT_NEAR(method->multipliers(mask, 1.0, {})[1][0].item<double>(), 1 / (1 + std::exp(-0.5)), 1e-7);
  EXPECT_NEAR(method->multipliers(mask, 200.0, {})[1][0].item<double>(), 1, 1e-7);
  EXPECT_NEAR(method->multipliers(mask, 200.0, {})[0][0].item<double>(), 0, 1e-7);
}

TEST(ContinuousSparsification, KeepsUnitsAboveZeroOnly) {
  Mask mask{.unit = MaskUnit::kNeuron, .matrices = mlp_matrices()};
  mask.parameters = {at::zeros({12}), at::tensor({-1.0f, 0.0f, 1e-6f, 2.0f, -1e-6f, 0.0f, 0.0f, 0.0f})};
  const std::vector<at::Tensor> kept = continuous_sparsification()->kept(mask);
  EXPECT_EQ(kept[0].sum().item<int64_t>(), 0);
  EXPECT_TRUE(at::equal(kept[1].nonzero().squeeze(1), at::tensor({2, 3}, at::kLong)));
}

TEST(ContinuousSparsification, RelaxedSizeCountsTheWeightsOfAUnit) {
  for (const auto& [unit, expected] :
       {std::pair{MaskUnit::kNeuron, 0.5 * (12 * 8 + 8 * 12)}, {MaskUnit::kWeight, 0.5 * 2 * 96}}) {
    const auto method = continuous_sparsification();
    const Mask mask = method->initial(mlp_matrices(), unit, {});  // Every multiplier is 1/2.
    const at::Tensor size = method->relaxed_size(mask, method->multipliers(mask, 1.0, {}));
    EXPECT_NEAR(size.item<double>(), expected, 1e-4) << to_string(unit);
    const at::Tensor gradient = torch::autograd::grad({size}, {mask.parameters[1]})[0];
    const double fan_in = unit == MaskUnit::kNeuron ? 12 : 1;  // times sigmoid'(0) = 1/4
    EXPECT_TRUE(agree(gradient, at::full_like(gradient, fan_in / 4), 1e-6)) << to_string(unit);
  }
}

TEST(MaskUnit, TextFormsGoThereAndBack) {
  for (const MaskUnit unit : kMaskUnits) EXPECT_EQ(parse_mask_unit(to_string(unit)), unit);
  EXPECT_INPUT_ERROR(parse_mask_unit("neurons"), "unknown mask unit 'neurons': expected neuron, weight or head");
}

TEST(MaskKind, NamesTheMethodsThatItMakes) {
  for (const MaskKind kind : kMaskKinds) {
    EXPECT_EQ(make_mask_method(kind, mask_option(kind).otherwise)->name(), to_string(kind));
    EXPECT_EQ(parse_mask_kind(to_string(kind)), kind);
  }
  EXPECT_INPUT_ERROR(parse_mask_kind("hardconcrete"),
                     "unknown mask method 'hardconcrete': expected one of continuous_");
}

}  // namespace
}  // namespace cprobe
