#include "cprobe/probe/l0_path.h"

#include "cprobe/probe/draws.h"
#include "tests/planted_variable.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// Circuits of the planted class, which no mask training found: of its neurons, how many each
/// keeps.
class L0Path : public testing::PlantedVariable {
 protected:
  /// @param n_kept  hidden neurons from the first on; 0 to 15 tell the class, the others the
  /// nuisance. @param n_left_out  so many at the beginning are left out.
  ChosenCircuit choose(const std::vector<int64_t>& n_kept, const at::Tensor& labels, const at::Tensor& types = {},
                       const std::vector<int64_t>& n_left_out = {}) {
    const auto method = hard_concrete();
    FitResult fitted;
    for (size_t i = 0; i < n_kept.size(); ++i) {
      Mask mask = method->initial(inputs_->matrices(), MaskUnit::kNeuron, inputs_->weights());
      const int64_t first = n_left_out.empty() ? 0 : n_left_out[i];
      const at::Tensor neuron = at::arange(32);
      mask.parameters[0] = at::where(neuron.ge(first).logical_and(neuron < n_kept[i]), 3.0, -3.0).to(at::kFloat);
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

TEST_F(L0Path, LosesOneStandardErrorAtMost) {
  // Beside all neurons of the nuisance, the class is told the worse the fewer of its own there are.
  const std::vector<int64_t> left_out = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14};
  const std::vector<int64_t> all_kept(left_out.size(), 32);
  const ChosenCircuit all = choose(all_kept, labels_, {}, left_out);
  int n_within = 0, n_beyond = 0;
  for (size_t i = 0; i < left_out.size(); ++i) {
    for (size_t j = i + 1; j < left_out.size(); ++j) {
      const Findings::PathStep &wide = all.path[i], &narrow = all.path[j];
      const double lost = wide.accuracy - narrow.accuracy;
      if (wide.standard_error < .01 || lost <= 0) continue;
      const ChosenCircuit found = choose({32, 32}, labels_, {}, {left_out[i], left_out[j]});
      const double errors = lost / wide.standard_error;
      if (errors < .99) {
        EXPECT_EQ(hidden(found), 32 - left_out[j]) << errors << " standard errors less";
        ++n_within;
      } else if (errors > 1.01 && errors < 2) {
        EXPECT_EQ(hidden(found), 32 - left_out[i]) << errors << " standard errors less";
        ++n_beyond;
      }
    }
  }
  EXPECT_GT(n_within, 0);
  EXPECT_GT(n_beyond, 0);
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
}

TEST_F(L0Path, TakesEachRowAsATypeWhereEachValueHasOneType) {
  const ChosenCircuit found = choose({32, 24, 16, 0}, planted_.nuisances, planted_.nuisances);
  EXPECT_GT(found.path[0].accuracy, .5) << "no row has an exemplar of another type, but of another row";
  EXPECT_GT(hidden(found), 16) << "the neurons of the nuisance";
}

TEST_F(L0Path, OfOneWeightIsNoPath) {
  const ChosenCircuit found = choose({24}, labels_);
  EXPECT_EQ(hidden(found), 24);
  EXPECT_TRUE(found.path.empty());
}

}  // namespace
}  // namespace cprobe
