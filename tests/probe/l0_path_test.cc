#include "cprobe/probe/l0_path.h"

#include "cprobe/probe/draws.h"
#include "cprobe/probe/null_circuits.h"
#include "tests/planted_variable.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// Circuits of the planted class, which no mask training found: of its neurons, how many each
/// keeps.
class L0Path : public testing::PlantedVariable {
 protected:
  /// @param n_kept  hidden neurons from the first on; 0 to 15 tell the class, the others the
  /// nuisance.
  ChosenCircuit choose(const std::vector<int64_t>& n_kept, const at::Tensor& labels, const at::Tensor& types = {}) {
    const auto method = hard_concrete();
    FitResult fitted;
    for (const int64_t n : n_kept) {
      Mask mask = method->initial(inputs_->matrices(), MaskUnit::kNeuron, inputs_->weights());
      mask.parameters[0] = at::where(at::arange(32) < n, 3.0, -3.0).to(at::kFloat);
      mask.parameters[1] = at::full({16}, 3.0f);
      fitted.path.push_back(std::move(mask));
      fitted.l0_weights.push_back(static_cast<double>(fitted.path.size()));
    }
    const auto draws = named_draws(Seed(0), n(), n(), 5);
    return choose_circuit(*inputs_, labels, types, *method, fitted, draws->exemplars(labels));
  }

  static int64_t hidden(const ChosenCircuit& found) { return found.circuit.members[0].sum().item<int64_t>(); }
};

TEST_F(L0Path, TakesTheLargestWeightThatDecodesAsWellAsTheBest) {
  const ChosenCircuit found = choose({32, 24, 16, 12, 0}, labels_);
  EXPECT_EQ(hidden(found), 12) << "32 and 24 neurons hold the nuisance as well, none holds nothing";
  ASSERT_EQ(found.path.size(), 5u);
  EXPECT_LT(found.path[0].accuracy, .9);
  EXPECT_NEAR(found.path[2].accuracy, 1, 1e-9);
  EXPECT_NEAR(found.path[3].accuracy, 1, 1e-9);
  EXPECT_LT(found.path[4].accuracy, .5);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(found.path[i].is_chosen, i == 3) << i;
  EXPECT_EQ(found.path[3].n_weights, found.circuit.n_weights());
}

TEST_F(L0Path, HasOneStandardErrorToSpend) {
  const ChosenCircuit all = choose({32, 24, 16, 12, 0}, labels_);
  for (const Findings::PathStep& step : all.path) {
    if (step.accuracy > 1 - 1e-9) {
      EXPECT_NEAR(step.standard_error, 0, 1e-9);
    }
  }
  // Of the two that hold the nuisance, the smaller one may be worse by the error of the better one.
  const ChosenCircuit worse = choose({32, 31}, labels_);
  const Findings::PathStep &wide = worse.path[0], &narrow = worse.path[1];
  EXPECT_GT(std::max(wide.standard_error, narrow.standard_error), .01);
  const auto& best = wide.accuracy > narrow.accuracy ? wide : narrow;
  EXPECT_EQ(narrow.is_chosen, narrow.accuracy >= best.accuracy - best.standard_error);
}

TEST_F(L0Path, IsEmptyWhereNothingIsThereToDecode) {
  const at::Tensor table = labels_.index_select(0, at::randperm(n(), Seed(5).generator(), at::kLong));
  EXPECT_EQ(hidden(choose({32, 0}, table)), 0) << "no circuit is better than an empty one";
}

TEST_F(L0Path, JudgesRowsByExemplarsOfOtherTypes) {
  // The nuisance as the type: a class of one type cannot be decoded from another.
  const at::Tensor types = planted_.nuisances;
  const ChosenCircuit by_class = choose({32, 16}, labels_, types);
  EXPECT_GT(by_class.path[1].accuracy, .99);
  const ChosenCircuit alone = choose({32, 16}, planted_.nuisances, types);
  EXPECT_EQ(alone.path[0].accuracy, 0) << "each value has one type, so no row can be judged";
}

TEST_F(L0Path, OfOneWeightIsNoPath) {
  const ChosenCircuit found = choose({24}, labels_);
  EXPECT_EQ(hidden(found), 24);
  EXPECT_TRUE(found.path.empty());
}

}  // namespace
}  // namespace cprobe
