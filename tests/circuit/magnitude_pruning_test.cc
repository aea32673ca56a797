#include <limits>

#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/mask.h"
#include "tests/planted_variable.h"

namespace cprobe {
namespace {

MatrixInfo matrix(int64_t n_in, int64_t n_out) {
  return {.name = "m", .short_name = "m", .source = "m", .n_in = n_in, .n_out = n_out};
}

at::Tensor kept(double density, MaskUnit unit, const at::Tensor& weight) {
  const auto method = magnitude_pruning(density);
  const Mask mask = method->initial({matrix(weight.size(0), weight.size(1))}, unit, {weight});
  EXPECT_FALSE(mask.parameters[0].requires_grad());
  EXPECT_TRUE(at::equal(method->multipliers(mask, 1, {})[0], method->kept(mask)[0].to(at::kFloat)));
  return method->kept(mask)[0];
}

TEST(MagnitudePruning, KeepsTheLargestWeightsOfEitherSign) {
  const at::Tensor weight = at::tensor({1.0f, -5.0f, 2.0f, 0.0f, 4.0f, -3.0f}).view({2, 3});
  EXPECT_TRUE(at::equal(kept(0.5, MaskUnit::kWeight, weight), weight.abs() >= 3));
  EXPECT_TRUE(at::equal(kept(1.0 / 6, MaskUnit::kWeight, weight), weight == -5));
}

TEST(MagnitudePruning, KeepsTheNeuronsWithTheLargestIncomingWeights) {
  // The columns have norms 5, sqrt(32) and 4. The largest entry is in the first column.
  const at::Tensor weight = at::tensor({5.0f, 4.0f, 4.0f, 0.0f, -4.0f, 0.0f}).view({2, 3});
  EXPECT_TRUE(at::equal(kept(1.0 / 3, MaskUnit::kNeuron, weight), at::arange(3) == 1));
  EXPECT_TRUE(at::equal(kept(2.0 / 3, MaskUnit::kNeuron, weight), at::arange(3) < 2));
}

TEST(MagnitudePruning, KeepsItsShareOfEachMatrixTheFirstOfEqualOnes) {
  const at::Tensor equal = at::ones({4, 10});
  EXPECT_TRUE(at::equal(kept(0.3, MaskUnit::kNeuron, equal), at::arange(10) < 3));
  EXPECT_EQ(kept(0.26, MaskUnit::kWeight, equal).sum().item<int64_t>(), 10) << "10.4 units, rounded";
  EXPECT_EQ(kept(0, MaskUnit::kNeuron, equal).sum().item<int64_t>(), 0);
  EXPECT_EQ(kept(1, MaskUnit::kNeuron, equal).sum().item<int64_t>(), 10);
  for (const double density : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_INPUT_ERROR(magnitude_pruning(density), "density must lie in 0 to 1");
  }
}

class MagnitudePruningOnPlanted : public testing::PlantedVariable {
 protected:
  /// The circuit of a model in which 16 hidden neurons have larger incoming weights.
  Circuit circuit(int64_t first_large_neuron) {
    planted_.model.weights.at("layers.0.mlp.in.weight").narrow(1, first_large_neuron, 16).mul_(3);
    use(planted_.model);
    const FitResult found = run(*magnitude_pruning(0.5), {.epochs = 5, .batch_size = n()});
    EXPECT_TRUE(found.curve.empty()) << "there is nothing to train";
    return make_circuit(found.mask(), *magnitude_pruning(0.5));
  }
};

TEST_F(MagnitudePruningOnPlanted, FindsAVariableInLargeWeightsOnly) {
  const Circuit large = circuit(0);
  EXPECT_EQ(large.members[0].narrow(0, 0, 16).sum().item<int64_t>(), 16);
  EXPECT_EQ(large.n_units(), 16 + 8);
  EXPECT_LT(objective(keep_multipliers(large)), objective(inputs_->ones()) - 0.1);
  EXPECT_EQ(large.provenance.at("method"), "magnitude_pruning");
}

TEST_F(MagnitudePruningOnPlanted, MissesAVariableInSmallWeights) {
  const Circuit small = circuit(16);
  EXPECT_EQ(small.members[0].narrow(0, 0, 16).sum().item<int64_t>(), 0);
  EXPECT_GT(objective(keep_multipliers(small)), objective(inputs_->ones()));
}

}  // namespace
}  // namespace cprobe
