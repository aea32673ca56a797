#include "cprobe/circuit/component_inputs.h"

#include <torch/csrc/autograd/autograd.h>

#include "cprobe/circuit/head_units.h"
#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;

// Neuron masks form no masked keys and values, unlike the whole model. float32 sums thus have
// another order.
constexpr double kUpdate = 1e-5;
constexpr double kGradientTolerance = 2e-5;

/// Model kind, component and mask unit.
using Case = std::tuple<size_t, ComponentRef, MaskUnit>;

class CachedComponent : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto [kind, component, unit] = GetParam();
    component_ = component;
    model_ = testing::drawn_model(testing::all_computations()[kind].config);
    trie_ = build_trie(testing::ragged_rows(model_.config, 9, Seed(5)));
    nodes_ = trie_.nodes_at(-1);  // In row order. The last row repeats the first.
    for (const MatrixInfo& m : matrices_of(model_.config, component)) {
      at::Generator generator = Seed(6).derive(m.name).generator();
      const at::Tensor soft = at::rand(unit_shape(m, unit), generator);
      multipliers_.push_back(soft * (soft > 0.3));  // Some are exactly 0.
    }
    inputs_.emplace(model_, component, unit, trie_, before(), nodes_);
  }

  Stream before() const {
    return run_span(model_, trie_, embed(model_, trie_), Site::start(), Site::before(component_));
  }

  /// Updates at the labelled tokens in a run of the model with these masks.
  at::Tensor in_the_model(const std::vector<at::Tensor>& multipliers) const {
    ComponentMask mask;
    for (const at::Tensor& multiplier : over_outputs(model_.config, matrices_of(model_.config, component_),
                                                     std::get<MaskUnit>(GetParam()), multipliers, HeadPart::kValues)) {
      mask.push_back({.multiplier = multiplier});
    }
    at::Tensor found;
    const auto keep = [&](ComponentRef, const at::Tensor& at, const at::Tensor& update, const at::Tensor&) {
      EXPECT_TRUE(at::equal(at, at::arange(trie_.n_nodes())));
      found = update.index_select(0, nodes_);
    };
    run_span(model_, trie_, before(), Site::before(component_), Site::after(component_),
             {.masks = {{component_, mask}}, .on_update = keep});
    return found;
  }

  ComponentRef component_;
  Model model_;
  TokenTrie trie_;
  at::Tensor nodes_;
  std::vector<at::Tensor> multipliers_;
  std::optional<ComponentInputs> inputs_;
};

TEST_P(CachedComponent, UpdatesEqualThoseOfTheWholeModel) {
  EXPECT_EQ(inputs_->n_labelled(), nodes_.size(0));
  EXPECT_TRUE(agree(inputs_->updates(multipliers_), in_the_model(multipliers_), kUpdate));
  EXPECT_TRUE(
      agree(inputs_->updates(inputs_->ones()), in_the_model(std::vector<at::Tensor>(multipliers_.size())), kUpdate))
      << "nothing masked";
}

TEST_P(CachedComponent, UpdatesOfSomeTokensAreRowsOfAll) {
  const at::Tensor which = at::tensor({7, 2, 2, 0}, at::kLong);
  const at::Tensor all = inputs_->updates(multipliers_);
  EXPECT_TRUE(agree(inputs_->updates(multipliers_, which), all.index_select(0, which), kUpdate));
}

TEST_P(CachedComponent, GradientsByMultipliersEqualThoseOfTheWholeModel) {
  std::vector<at::Tensor> leaves;
  leaves.reserve(multipliers_.size());
  for (const at::Tensor& multiplier : multipliers_) leaves.push_back(multiplier.clone().requires_grad_());
  const at::Tensor weights = at::randn({nodes_.size(0), model_.config.d_model}, Seed(7).generator());
  const auto ours = torch::autograd::grad({(inputs_->updates(leaves) * weights).sum()}, leaves);
  const auto expected = torch::autograd::grad({(in_the_model(leaves) * weights).sum()}, leaves);
  for (size_t i = 0; i < leaves.size(); ++i) {
    // Compared with the matrix's largest gradient: some entries, such as those of keys' biases,
    // cancel to rounding noise.
    EXPECT_TRUE(agree(ours[i], expected[i], kGradientTolerance)) << inputs_->matrices()[i].short_name;
  }
}

TEST_P(CachedComponent, UpdatesOfSeveralMasksAreThoseOfEach) {
  constexpr int64_t kMasks = 3;
  std::vector<at::Tensor> several, leaves;
  for (const at::Tensor& multiplier : multipliers_) {
    several.push_back(at::stack({multiplier, multiplier.flip(0), at::ones_like(multiplier)}));
    leaves.push_back(several.back().clone().requires_grad_());
  }
  for (const at::Tensor& which : {at::tensor({7, 2, 2, 0}, at::kLong), at::Tensor()}) {
    const at::Tensor updates = inputs_->updates(leaves, which);
    const at::Tensor weights = at::randn(updates.sizes(), Seed(7).generator());
    const auto gradients = torch::autograd::grad({(updates * weights).sum()}, leaves);
    for (int64_t i = 0; i < kMasks; ++i) {
      std::vector<at::Tensor> one;
      one.reserve(several.size());
      for (const at::Tensor& multiplier : several) one.push_back(multiplier[i].clone().requires_grad_());
      const at::Tensor expected = inputs_->updates(one, which);
      EXPECT_TRUE(agree(updates[i].detach(), expected.detach(), kUpdate)) << "mask " << i;
      const auto expected_gradients = torch::autograd::grad({(expected * weights[i]).sum()}, one);
      for (size_t m = 0; m < one.size(); ++m) {
        EXPECT_TRUE(agree(gradients[m][i], expected_gradients[m], kGradientTolerance))
            << "mask " << i << ", matrix " << m;
      }
    }
  }
}

// Closed gates pass no gradient, so only those of open ones are compared.
TEST_P(CachedComponent, ObjectiveOfOpenUnitsIsThatOfTheUpdates) {
  if (!inputs_->has_open_hidden()) return;
  std::vector<at::Tensor> several;
  for (const at::Tensor& multiplier : multipliers_) {
    const at::Tensor first_half = at::arange(multiplier.size(0)).lt(multiplier.size(0) / 2).to(at::kFloat);
    several.push_back(at::stack({multiplier, multiplier.flip(0), at::ones_like(multiplier), multiplier * first_half,
                                 at::zeros_like(multiplier)}));
  }
  // Two masks with open matrices around a closed one.
  several.front()[3].zero_();
  const auto gradients_of = [&](const auto& objective_of) {
    std::vector<at::Tensor> leaves;
    leaves.reserve(several.size());
    for (const at::Tensor& of_matrix : several) leaves.push_back(of_matrix.clone().requires_grad_());
    const at::Tensor objective = objective_of(leaves);
    const at::Tensor weights = at::arange(1, objective.size(0) + 1).to(at::kFloat);
    return std::pair(objective.detach(), torch::autograd::grad({(objective * weights).sum()}, leaves));
  };
  for (const at::Tensor& which : {at::tensor({7, 2, 2, 0, 5}, at::kLong), at::arange(nodes_.size(0))}) {
    const at::Tensor labels = at::stack(std::vector<at::Tensor>{which % 2, which % 3, which % 2, which % 2, which % 3});
    const auto [objective, gradients] = gradients_of([&](const std::vector<at::Tensor>& leaves) {
      return soft_nearest_neighbours(inputs_->open_hidden(leaves, which), inputs_->last_map(), leaves.back(), labels);
    });
    const auto [expected, expected_gradients] = gradients_of([&](const std::vector<at::Tensor>& leaves) {
      return soft_nearest_neighbours(inputs_->updates(leaves, which), labels);
    });
    EXPECT_TRUE(agree(objective, expected, kUpdate));
    for (size_t i = 0; i < several.size(); ++i) {
      const at::Tensor open = several[i].ne(0);
      EXPECT_TRUE(agree(gradients[i] * open, expected_gradients[i] * open, kGradientTolerance))
          << inputs_->matrices()[i].short_name;
    }
  }
}

TEST_P(CachedComponent, NeedsTheStreamAtTheTokensAndTheirAncestorsOnly) {
  const auto [kind, component, unit] = GetParam();
  const at::Tensor two = nodes_.narrow(0, 1, 2);
  const at::Tensor needed = std::get<0>(at::_unique2(ancestor_paths(trie_, two).nodes));
  const Stream part =
      run_span(model_, trie_, embed(model_, trie_), Site::start(), Site::before(component_), {.read_nodes = needed});
  const ComponentInputs inputs(model_, component, unit, trie_, part, two);
  EXPECT_TRUE(agree(inputs.updates(multipliers_), in_the_model(multipliers_).narrow(0, 1, 2), kUpdate));
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  const auto& [kind, component, unit] = info.param;
  return fmt::format("{}_L{}_{}_{}", testing::all_computations()[kind].name, component.layer,
                     to_string(component.block), to_string(unit));
}

INSTANTIATE_TEST_SUITE_P(
    Models, CachedComponent,
    ::testing::Combine(::testing::Range<size_t>(0, testing::all_computations().size()),
                       ::testing::Values(ComponentRef{0, Block::kAttention}, ComponentRef{0, Block::kMlp},
                                         ComponentRef{1, Block::kAttention}, ComponentRef{1, Block::kMlp}),
                       ::testing::Values(MaskUnit::kNeuron, MaskUnit::kWeight)),
    case_name);

INSTANTIATE_TEST_SUITE_P(Heads, CachedComponent,
                         ::testing::Combine(::testing::Range<size_t>(0, testing::all_computations().size()),
                                            ::testing::Values(ComponentRef{0, Block::kAttention},
                                                              ComponentRef{1, Block::kAttention}),
                                            ::testing::Values(MaskUnit::kHead)),
                         case_name);

// A closed head is one whose values are their biases: as with a neuron mask that closes them alone.
TEST(CachedComponent, OfAClosedHeadIsThatWithoutTheHeadsValues) {
  for (const auto& [name, config] : testing::all_computations()) {
    SCOPED_TRACE(name);
    const ComponentRef attention{1, Block::kAttention};
    const Model model = testing::drawn_model(config);
    const TokenTrie trie = build_trie(testing::ragged_rows(config, 9, Seed(5)));
    const Stream before = stream_at(model, trie, Site::before(attention));
    const auto inputs = [&](MaskUnit unit) {
      return ComponentInputs(model, attention, unit, trie, before, trie.nodes_at(-1));
    };
    const ComponentInputs by_head = inputs(MaskUnit::kHead), by_neuron = inputs(MaskUnit::kNeuron);
    for (int64_t head = 0; head < config.n_kv_heads; ++head) {
      std::vector<at::Tensor> closed = by_head.ones(), neurons = by_neuron.ones();
      closed[closed.size() - 2][head] = 0;
      // Column numbers of queries, keys and values, joined as the family does.
      int64_t n_joined = 0;
      for (size_t i = 0; i + 1 < neurons.size(); ++i) n_joined += neurons[i].size(0);
      const at::Tensor columns =
          split_projections(config, at::arange(n_joined)).v.narrow(0, head * config.d_head, config.d_head);
      at::Tensor joined = at::ones({n_joined}).index_fill_(0, columns, 0);
      int64_t first = 0;
      for (size_t i = 0; i + 1 < neurons.size(); ++i) {
        neurons[i] = joined.narrow(0, first, neurons[i].size(0));
        first += neurons[i].size(0);
      }
      EXPECT_TRUE(at::equal(by_head.updates(closed), by_neuron.updates(neurons))) << "head " << head;
      EXPECT_FALSE(agree(by_head.updates(closed), by_head.updates(by_head.ones()), 1e-3)) << "head " << head;
    }
  }
}

TEST(CachedComponentErrors, RefusesHeadsOfAnMlp) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const TokenTrie trie = build_trie(testing::TokenRows{{1, 2}});
  EXPECT_INPUT_ERROR(
      ComponentInputs(model, {0, Block::kMlp}, MaskUnit::kHead, trie, embed(model, trie), trie.nodes_at(-1)),
      "L0.mlp: an MLP has no heads");
}

TEST(CachedComponentErrors, RefusesMultipliersForOtherMatrices) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const TokenTrie trie = build_trie(testing::TokenRows{{1, 2}});
  const ComponentInputs inputs(model, {0, Block::kMlp}, MaskUnit::kNeuron, trie, embed(model, trie), trie.nodes_at(-1));
  EXPECT_FAILED_ERROR(inputs.updates({at::ones({12})}), "L0.mlp: 1 multipliers for 2 matrices");
}

}  // namespace
}  // namespace cprobe
