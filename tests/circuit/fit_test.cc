#include "cprobe/circuit/fit.h"

#include <cmath>

#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "tests/numeric_jacobian.h"
#include "tests/planted_variable.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::PlantedVariable;

TEST_F(PlantedVariable, IsFoundAsACircuitThatSeparatesItsClasses) {
  const FitResult found = run({.epochs = 60, .batch_size = 32, .learning_rate = 0.02, .l0_weights = {1e-4}});
  const Circuit circuit = make_circuit(found.mask(), *continuous_sparsification());
  ASSERT_NE(circuit.extent(), Extent::kEmpty);
  const int64_t n_class_neurons = circuit.members[0].narrow(0, 0, 16).sum().item<int64_t>();
  const int64_t n_nuisance_neurons = circuit.members[0].narrow(0, 16, 16).sum().item<int64_t>();
  EXPECT_GE(n_class_neurons, 8);
  EXPECT_GT(n_class_neurons, 2 * n_nuisance_neurons);
  // Which stray nuisance neurons stay is chance (0 to 4 over settings). The strays must do no harm:
  // the circuit's objective is 0.87, the full model's 1.42, and removing the strays moves the
  // circuit's by 0.01 at most.
  const double of_circuit = objective(keep_multipliers(circuit));
  std::vector<at::Tensor> without_strays = keep_multipliers(circuit);
  without_strays[0].narrow(0, 16, 16).zero_();
  EXPECT_LT(of_circuit, objective(inputs_->ones()) - 0.3);
  EXPECT_NEAR(of_circuit, objective(without_strays), 0.05);
  EXPECT_LT(found.curve.back().objective, found.curve.front().objective);
  EXPECT_EQ(found.curve.back().n_kept, circuit.n_units());
}

TEST_F(PlantedVariable, IsFoundBitForBitAgainWithTheSameOrder) {
  const FitOptions options{.epochs = 5, .batch_size = 10, .learning_rate = 0.02};
  const FitResult first = run(options), again = run(options), other = run(options, 1);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::equal(first.mask().parameters[i], again.mask().parameters[i])) << i;
  EXPECT_FALSE(at::equal(first.mask().parameters[0], other.mask().parameters[0]));
  for (size_t e = 0; e < 5; ++e) EXPECT_EQ(first.curve[e].loss, again.curve[e].loss) << "epoch " << e;
  EXPECT_FALSE(first.mask().parameters[0].requires_grad());
}

TEST_F(PlantedVariable, FirstStepMovesEveryParameterByTheLearningRate) {
  const double rate = 0.01, decay = 0.5, start = 0.2, lambda = 1e-3;
  const auto method = continuous_sparsification(start);
  const auto order = [](int64_t n_labelled) { return at::arange(n_labelled); };
  const FitResult found = fit(
      *inputs_, labels_, *method,
      {.epochs = 1, .batch_size = n(), .learning_rate = rate, .weight_decay = decay, .l0_weights = {lambda}}, order);
  Mask mask = method->initial(inputs_->matrices(), MaskUnit::kNeuron, {});
  const std::vector<at::Tensor> m = method->multipliers(mask, 1.0, {});
  const at::Tensor objective_before = soft_nearest_neighbours(inputs_->updates(m), labels_);
  const at::Tensor l0_before = method->relaxed_size(mask, m) * lambda;
  const std::vector<at::Tensor> gradients = torch::autograd::grad({objective_before + l0_before}, mask.parameters);
  for (size_t i = 0; i < 2; ++i) {
    // AdamW's first step: the ratio of the moments is the gradient's sign (up to eps).
    const at::Tensor& g = gradients[i];
    const at::Tensor expected = start * (1 - rate * decay) - rate * g / (g.abs() + 1e-8);
    EXPECT_TRUE(agree(found.mask().parameters[i], expected, 1e-6)) << inputs_->matrices()[i].short_name;
  }
  const EpochRecord& epoch = found.curve.at(0);
  EXPECT_NEAR(epoch.objective, objective_before.item<double>(), 1e-6);
  EXPECT_NEAR(epoch.l0_term, l0_before.item<double>(), 1e-6);
  EXPECT_NEAR(epoch.loss, epoch.objective + epoch.l0_term, 1e-6);
}

TEST_F(PlantedVariable, TemperatureGrowsByOneFactorToItsMaximum) {
  const std::vector<EpochRecord> curve = run({.epochs = 4, .batch_size = 8}).curve;
  ASSERT_EQ(curve.size(), 4u);
  for (size_t e = 0; e < 4; ++e) {
    EXPECT_NEAR(curve[e].temperature, std::pow(200.0, static_cast<double>(e) / 4), 1e-9) << e;
  }
}

TEST_F(PlantedVariable, TellsOfEveryEpochWithItsLoss) {
  std::vector<std::string> told;
  const auto on_progress = [&](const Progress& p) {
    told.push_back(fmt::format("{} {}/{}, {}", p.what, p.done, p.total, p.note));
  };
  const auto order = [](int64_t n_labelled) { return at::arange(n_labelled); };
  const FitResult found =
      fit(*inputs_, labels_, *continuous_sparsification(), {.epochs = 2, .batch_size = 8}, order, {}, on_progress);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0], fmt::format("mask training 1/2, loss {:.3f}", found.curve[0].loss));
  EXPECT_EQ(told[1], fmt::format("mask training 2/2, loss {:.3f}", found.curve[1].loss));
}

TEST_F(PlantedVariable, ZeroEpochsKeepTheInitialMask) {
  const FitResult untouched = run({.epochs = 0, .batch_size = 8});
  EXPECT_TRUE(untouched.curve.empty());
  for (const at::Tensor& s : untouched.mask().parameters) EXPECT_TRUE(at::equal(s, at::zeros_like(s)));
  EXPECT_EQ(make_circuit(untouched.mask(), *continuous_sparsification()).extent(), Extent::kEmpty);
}

TEST_F(PlantedVariable, AnIncompleteLastBatchIsDropped) {
  const auto order = [](int64_t n_labelled) { return at::arange(n_labelled); };
  const FitOptions options{.epochs = 3, .batch_size = 10};  // The last 2 of 32 tokens stay unseen.
  const FitResult found = fit(*inputs_, labels_, *continuous_sparsification(), options, order);
  labels_.narrow(0, 30, 2).fill_(7);
  const FitResult relabelled = fit(*inputs_, labels_, *continuous_sparsification(), options, order);
  EXPECT_TRUE(at::equal(found.mask().parameters[0], relabelled.mask().parameters[0]));
}

TEST_F(PlantedVariable, IsFoundOnAPathWhoseMasksBeginWhereTheOneBeforeEnded) {
  const FitOptions first{.epochs = 20, .batch_size = 16, .learning_rate = 0.1, .l0_weights = {1e-4}};
  FitOptions path = first;
  path.l0_weights = {1e-4, 1e-3, 1e-2};
  const FitResult one = run(*hard_concrete(), first), all = run(*hard_concrete(), path);
  ASSERT_EQ(all.path.size(), 3u);
  EXPECT_EQ(all.l0_weights, path.l0_weights);
  EXPECT_EQ(all.curve.size(), 60u);
  EXPECT_EQ(n_epochs(path), 60);
  for (size_t m = 0; m < 2; ++m) {
    EXPECT_TRUE(at::equal(all.path[0].parameters[m], one.mask().parameters[m])) << "a longer path begins as a shorter";
  }
  std::vector<int64_t> n_weights;
  for (const Mask& mask : all.path) n_weights.push_back(make_circuit(mask, *hard_concrete()).n_weights());
  EXPECT_GT(n_weights[0], n_weights[1]);
  EXPECT_GT(n_weights[1], n_weights[2]);
  // Each weight's epochs run from temperature 1.
  for (const size_t epoch : {0u, 20u, 40u}) EXPECT_EQ(all.curve[epoch].temperature, 1) << epoch;
  EXPECT_NEAR(all.curve[40].l0_term / all.curve[39].l0_term, 10, 5) << "the weight is ten times that before";
}

TEST_F(PlantedVariable, PricesTheWholeComponentWithoutL0Weights) {
  const int64_t n_weights = 16 * 32 + 32 * 16;
  const std::vector<double> weights = auto_l0_weights(n_weights);
  const FitOptions options{.epochs = 1, .batch_size = 16, .l0_weights = {}};
  EXPECT_EQ(run(*hard_concrete(), options).l0_weights, weights);
  EXPECT_EQ(n_epochs(options), std::ssize(weights));
  EXPECT_NEAR(weights.front() * n_weights, 0.15, 1e-12);
  EXPECT_NEAR(weights.back() * n_weights, 1.5, 1e-12);
}

TEST_F(PlantedVariable, MeanObjectiveIsTheMeanOverBatches) {
  const at::Tensor order = at::arange(n()).flip(0);
  const std::vector<at::Tensor> m = inputs_->ones();
  std::vector<double> losses;
  for (const auto& [begin, size] : std::vector<std::pair<int64_t, int64_t>>{{0, 12}, {12, 12}, {24, 8}}) {
    const at::Tensor which = order.narrow(0, begin, size);
    losses.push_back(
        soft_nearest_neighbours(inputs_->updates(m, which), labels_.index_select(0, which)).item<double>());
  }
  EXPECT_NEAR(mean_objective(*inputs_, labels_, m, order, 12, true), (losses[0] + losses[1]) / 2, 1e-6);
  EXPECT_NEAR(mean_objective(*inputs_, labels_, m, order, 12, false), (losses[0] + losses[1] + losses[2]) / 3, 1e-6);
}

TEST_F(PlantedVariable, RefusesOptionsOutOfRange) {
  EXPECT_INPUT_ERROR(run({.batch_size = 33}), "batch_size is 33, but there are only 32 labelled tokens");
  EXPECT_INPUT_ERROR(run({.batch_size = 1}), "batch_size must be at least 2, found 1");
  EXPECT_INPUT_ERROR(run({.epochs = -1, .batch_size = 8}), "epochs must be 0 or more, found -1");
  EXPECT_INPUT_ERROR(run({.batch_size = 8, .learning_rate = 0}), "learning_rate must be positive");
  EXPECT_INPUT_ERROR(run({.batch_size = 8, .learning_rate = NAN}), "learning_rate must be positive");
  EXPECT_INPUT_ERROR(run({.batch_size = 8, .weight_decay = -1}), "weight_decay must not be negative");
  EXPECT_INPUT_ERROR(run({.batch_size = 8, .l0_weights = {-1e-9}}), "l0_weight must not be negative");
  EXPECT_INPUT_ERROR(run({.batch_size = 8, .l0_weights = {1e-6, 1e-7}}), "l0_weights must ascend");
  EXPECT_INPUT_ERROR(run({.batch_size = 8, .max_temperature = 0.5}), "max_temperature must be at least 1");
}

}  // namespace
}  // namespace cprobe
