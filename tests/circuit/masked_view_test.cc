#include "cprobe/circuit/masked_view.h"

#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kSame = 1e-5;  // float32 sums have another order.
const ComponentRef kFirstAttention{0, Block::kAttention}, kFirstMlp{0, Block::kMlp}, kNext{1, Block::kAttention};

class MaskedComponentsSeen : public ::testing::TestWithParam<MaskUnit> {
 protected:
  MaskedComponents masked(const std::vector<ComponentRef>& components) const {
    return {model_, components, GetParam()};
  }

  std::vector<at::Tensor> multipliers(const MaskedComponents& masked, bool random) const {
    std::vector<at::Tensor> all;
    for (const MatrixInfo& matrix : masked.matrices()) {
      const at::Tensor drawn = at::rand(unit_shape(matrix, masked.unit()), Seed(1).derive(matrix.name).generator());
      all.push_back(random ? drawn : at::ones_like(drawn));
    }
    return all;
  }

  /// The last component's update, or the state after that component, in the model under these
  /// masks.
  at::Tensor expected(const MaskedComponents& masked, const std::vector<at::Tensor>& multipliers, Seen what) const {
    at::Tensor seen;
    const auto keep = [&](ComponentRef component, const at::Tensor&, const at::Tensor& update,
                          const at::Tensor& state) {
      if (component == masked.components().back()) seen = what == Seen::kUpdate ? update : state;
    };
    run_span(model_, trie_, embed(model_, trie_).expanded(), Site::start(), masked.to(),
             {.masks = component_masks(model_, masked.matrices(), multipliers), .on_update = keep});
    return seen.index_select(0, nodes_);
  }

  void expect_seen(const std::vector<ComponentRef>& components, Seen what) const {
    const MaskedComponents these = masked(components);
    const MaskedView view(these, trie_, nodes_, what);
    for (const bool random : {false, true}) {
      const std::vector<at::Tensor> m = multipliers(these, random);
      const at::Tensor right = expected(these, m, what);
      EXPECT_TRUE(agree(view.seen(m), right, kSame)) << random;
      EXPECT_TRUE(agree(view.seen(m, which_), right.index_select(0, which_), kSame)) << random;
    }
  }

  const Model model_ = testing::drawn_model(testing::tiny_config());
  const TokenTrie trie_ = build_trie(testing::ragged_rows(model_.config, 7, Seed(5)));
  const at::Tensor nodes_ = trie_.nodes_at(-1);  // The last row repeats the first.
  const at::Tensor which_ = at::tensor({4, 0, 6, 2, 0}, at::kLong);
};

TEST_P(MaskedComponentsSeen, AsTheUpdateOfOne) {
  for (const ComponentRef component : {kFirstAttention, kFirstMlp, kNext}) expect_seen({component}, Seen::kUpdate);
}

TEST_P(MaskedComponentsSeen, AsTheStateBehindTheLast) {
  expect_seen({kFirstMlp}, Seen::kState);
  expect_seen({kFirstAttention, kFirstMlp, kNext}, Seen::kState);
}

TEST_P(MaskedComponentsSeen, WithOthersBetweenThem) {
  expect_seen({kFirstAttention, kNext}, Seen::kState);
}

TEST_P(MaskedComponentsSeen, NotAsTheUpdateOfSeveral) {
  const MaskedComponents two = masked({kFirstAttention, kFirstMlp});
  EXPECT_FAILED_ERROR(MaskedView(two, trie_, nodes_, Seen::kUpdate), "the update of 2 components");
}

TEST_P(MaskedComponentsSeen, WithTheMatricesOfAll) {
  const MaskedComponents two = masked({kFirstAttention, kNext});
  EXPECT_EQ(two.from(), Site::before(kFirstAttention));
  EXPECT_EQ(two.to(), Site::after(kNext));
  const std::vector<at::Tensor> weights = two.weights();
  ASSERT_EQ(weights.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(two.matrices()[i].component, i < 2 ? kFirstAttention : kNext);
    EXPECT_EQ(weights[i].sizes(), (std::vector{two.matrices()[i].n_in, two.matrices()[i].n_out}));
  }
  const auto masks = component_masks(model_, two.matrices(), {{}, at::ones({8}), at::zeros({24}), {}});
  ASSERT_EQ(masks.size(), 2u);
  EXPECT_FALSE(masks.at(kFirstAttention)[0].multiplier.defined());
  EXPECT_TRUE(at::equal(masks.at(kNext)[0].multiplier, at::zeros({24})));
}

INSTANTIATE_TEST_SUITE_P(Unit, MaskedComponentsSeen, ::testing::Values(MaskUnit::kNeuron, MaskUnit::kWeight),
                         [](const auto& param) { return std::string(to_string(param.param)); });

}  // namespace
}  // namespace cprobe
