#include <cmath>

#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/mask.h"
#include "tests/numeric_jacobian.h"
#include "tests/planted_variable.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kLow = -0.1, kHigh = 1.1, kBeta = 2.0 / 3;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

/// A mask over c_fc, [8, 12], and c_proj, [12, 8].
Mask mask_of(std::vector<at::Tensor> parameters, MaskUnit unit = MaskUnit::kNeuron) {
  return {.unit = unit,
          .matrices = matrices_of(testing::tiny_config(), {0, Block::kMlp}),
          .parameters = std::move(parameters)};
}

TEST(HardConcrete, StartsAtTheLogitOfTheKeepProbability) {
  for (const double p : {0.2, 5.0 / 6}) {
    const Mask mask = hard_concrete(p)->initial(mask_of({}).matrices, MaskUnit::kWeight, {});
    EXPECT_TRUE(agree(mask.parameters[0], at::full({8, 12}, std::log(p / (1 - p))), 1e-6));
    EXPECT_TRUE(mask.parameters[1].requires_grad());
  }
  for (const double p : {0.0, 1.0, -1.0, std::nan("")}) {
    EXPECT_INPUT_ERROR(hard_concrete(p), "keep_probability must lie between 0 and 1");
  }
}

/// Compares the gates' mean and the shares of gates at 0, at 1 and above 1/2 with the stretched
/// concrete distribution, P(s <= x) = sigmoid(beta logit((x - low) / (high - low)) - log alpha).
TEST(HardConcrete, DrawsGatesFromItsDistribution) {
  const int64_t n = 200'000;
  for (const double log_alpha : {-1.5, 0.0, 0.7}) {
    const auto at_most = [&](double x) {
      const double unstretched = (x - kLow) / (kHigh - kLow);
      return sigmoid(kBeta * std::log(unstretched / (1 - unstretched)) - log_alpha);
    };
    const Mask mask = mask_of({at::full({n}, log_alpha)});
    const at::Tensor m = hard_concrete()->multipliers(mask, 1, Seed(0).generator())[0].to(at::kDouble);
    double mean = 0;  // The integral of P(gate > x) over (0, 1).
    const int n_steps = 1000;
    for (int i = 0; i < n_steps; ++i) mean += (1 - at_most((i + 0.5) / n_steps)) / n_steps;
    const auto share = [](const at::Tensor& holds) { return holds.to(at::kDouble).mean().item<double>(); };
    const double four_sd = 4 * 0.5 / std::sqrt(static_cast<double>(n));
    EXPECT_NEAR(share(m == 0), at_most(0), four_sd) << log_alpha;
    EXPECT_NEAR(share(m == 1), 1 - at_most(1), four_sd) << log_alpha;
    EXPECT_NEAR(share(m > 0.5), sigmoid(log_alpha), four_sd) << log_alpha << ": the keep probability";
    EXPECT_NEAR(m.mean().item<double>(), mean, four_sd) << log_alpha;
    EXPECT_GE(m.min().item<double>(), 0);
    EXPECT_LE(m.max().item<double>(), 1);
  }
}

TEST(HardConcrete, DrawsEveryUnitAnewAndTheSameFromTheSameSeed) {
  const auto method = hard_concrete();
  const Mask mask = method->initial(mask_of({}).matrices, MaskUnit::kWeight, {});
  at::Generator noise = Seed(0).generator();
  const std::vector<at::Tensor> first = method->multipliers(mask, 1, noise),
                                second = method->multipliers(mask, 1, noise);
  EXPECT_FALSE(at::equal(first[0], second[0]));
  EXPECT_FALSE(at::equal(first[0].reshape(-1), first[1].reshape(-1)));
  EXPECT_TRUE(at::equal(first[0], method->multipliers(mask, 1, Seed(0).generator())[0]));
  EXPECT_TRUE(at::equal(first[0], method->multipliers(mask, 100, Seed(0).generator())[0])) << "no temperature";
  EXPECT_FAILED_ERROR(method->multipliers(mask, 1, {}), "no generator");
}

TEST(HardConcrete, HasTheGradientsOfItsGatesAndSize) {
  const at::Tensor log_alpha = at::linspace(-2, 2, 12);
  const auto method = hard_concrete();
  const auto gates = [&](const at::Tensor& x) { return method->multipliers(mask_of({x}), 1, Seed(1).generator())[0]; };
  const at::Tensor m = gates(log_alpha);
  ASSERT_GT(((m > 0) & (m < 1)).sum().item<int64_t>(), 3) << "else there is nothing to differentiate";
  EXPECT_TRUE(agree(testing::autograd_jacobian(gates, log_alpha), testing::numeric_jacobian(gates, log_alpha), 1e-5));
  const auto size = [&](const at::Tensor& x) { return method->relaxed_size(mask_of({x}), {}); };
  EXPECT_TRUE(agree(testing::autograd_jacobian(size, log_alpha), testing::numeric_jacobian(size, log_alpha), 1e-5));
}

TEST(HardConcrete, RelaxedSizeIsTheExpectedNumberOfWeightsThatAreNotZero) {
  const auto method = hard_concrete();
  const std::vector<at::Tensor> parameters = {at::linspace(-2, 2, 12), at::linspace(-1, 3, 8)};
  const Mask mask = mask_of(parameters);
  at::Generator noise = Seed(0).generator();
  double sum = 0;
  const int n_draws = 4000;
  for (int i = 0; i < n_draws; ++i) {
    const std::vector<at::Tensor> m = method->multipliers(mask, 1, noise);
    sum += static_cast<double>(m[0].count_nonzero().item<int64_t>() * 8 + m[1].count_nonzero().item<int64_t>() * 12);
  }
  // The standard deviation of one draw is at most sqrt(12 * 8^2 / 4 + 8 * 12^2 / 4) = 22.
  EXPECT_NEAR(method->relaxed_size(mask, {}).item<double>(), sum / n_draws, 4 * 22 / std::sqrt(n_draws));
}

TEST(HardConcrete, KeepsUnitsWhoseGateWithoutNoiseIsAboveAHalf) {
  const at::Tensor log_alpha = at::tensor({-30.0f, -1.0f, -1e-3f, 0.0f, 1e-3f, 1.0f, 30.0f});
  const at::Tensor gate = at::clamp(at::sigmoid(log_alpha) * (kHigh - kLow) + kLow, 0, 1);
  EXPECT_TRUE(at::equal(hard_concrete()->kept(mask_of({log_alpha}))[0], gate > 0.5));
  // If log alpha is far from 0, every draw equals the hard mask.
  const Mask sure = mask_of({at::where(at::arange(8) % 2 == 0, 30.0, -30.0).to(at::kFloat)});
  const at::Tensor drawn = hard_concrete()->multipliers(sure, 1, Seed(0).generator())[0];
  EXPECT_TRUE(at::equal(drawn, hard_concrete()->kept(sure)[0].to(at::kFloat)));
}

class HardConcreteOnPlanted : public testing::PlantedVariable {
 protected:
  Circuit circuit() const {
    const auto method = hard_concrete();
    const FitOptions options{.epochs = 200, .batch_size = n(), .learning_rate = 0.02, .l0_weights = {1e-4}};
    return make_circuit(run(*method, options).mask(), *method);
  }
};

TEST_F(HardConcreteOnPlanted, FindsThePlantedVariable) {
  const Circuit found = circuit();
  const int64_t n_class_neurons = found.members[0].narrow(0, 0, 16).sum().item<int64_t>();
  const int64_t n_nuisance_neurons = found.members[0].narrow(0, 16, 16).sum().item<int64_t>();
  EXPECT_GE(n_class_neurons, 8);
  EXPECT_GT(n_class_neurons, 2 * n_nuisance_neurons);
  EXPECT_LT(objective(keep_multipliers(found)), objective(inputs_->ones()) - 0.3);
  EXPECT_EQ(found.provenance.at("method"), "hard_concrete");
}

TEST_F(HardConcreteOnPlanted, FindsNothingInLabelsThatTheComponentDoesNotTellApart) {
  // Every token stands twice, once with each label.
  const testing::TokenRows once = planted_.rows;
  planted_.rows.insert(planted_.rows.end(), once.begin(), once.end());
  labels_ = at::arange(64).ge(32).to(at::kLong);
  use(planted_.model);
  EXPECT_GT(objective(keep_multipliers(circuit())), objective(inputs_->ones()) - 0.05);
}

TEST_F(HardConcreteOnPlanted, FindsTheSameMaskTwiceAndAnotherWithOtherNoise) {
  const auto method = hard_concrete();
  const FitOptions options{.epochs = 3, .batch_size = n()};
  for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
    use(planted_.model, unit);
    const FitResult first = run(*method, options), again = run(*method, options), other = run(*method, options, 1);
    EXPECT_TRUE(at::equal(first.mask().parameters[0], again.mask().parameters[0])) << to_string(unit);
    EXPECT_FALSE(at::equal(first.mask().parameters[0], other.mask().parameters[0])) << to_string(unit);
  }
}

}  // namespace
}  // namespace cprobe
