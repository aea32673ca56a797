#include "cprobe/model/component.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

/// A model whose matrices have 16 bits a number, and the same numbers as float32. Wide enough for
/// rounding to show.
class HalfWeights : public ::testing::TestWithParam<std::tuple<size_t, at::ScalarType>> {
 protected:
  const ModelConfig config_ = testing::all_kinds()[std::get<0>(GetParam())].config;
  const Model drawn_ = testing::drawn_model(config_);
  const Model halves_ = testing::with_halves(drawn_, std::get<1>(GetParam()));
  const Model floats_ = testing::in_float32(halves_);
  const TokenTrie trie_ = build_trie(testing::ragged_rows(config_, 9, Seed(3)));
  const at::NoGradGuard no_gradients_;
};

TEST_P(HalfWeights, GiveTheStatesAndLogitsOfTheSameNumbersAsFloat32) {
  const at::Tensor states = testing::final_states(halves_, trie_);
  EXPECT_EQ(states.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(states, testing::final_states(floats_, trie_)));
  EXPECT_FALSE(at::equal(states, testing::final_states(drawn_, trie_))) << "the weights are not rounded";
  EXPECT_TRUE(at::equal(logits(halves_, states), logits(floats_, states)));
  const at::Tensor some = at::arange(3, 7);
  EXPECT_TRUE(at::equal(logits(halves_, states, some), logits(floats_, states, some)));
}

TEST_P(HalfWeights, GiveTheMaskedUpdatesOfTheSameNumbersAsFloat32) {
  for (const Block block : {Block::kAttention, Block::kMlp}) {
    const ComponentRef component{1, block};
    for (const bool by_weight : {false, true}) {
      ComponentMask masks;
      for (const MatrixInfo& matrix : matrices_of(config_, component)) {
        const at::Generator generator = Seed(4).derive(matrix.name).generator();
        const std::vector<int64_t> sizes =
            by_weight ? std::vector{matrix.n_in, matrix.n_out} : std::vector{matrix.n_out};
        masks.push_back({at::rand(sizes, generator), at::randn({trie_.n_nodes(), matrix.n_in}, generator)});
      }
      const auto states = [&](const Model& model) {
        return run_span(model, trie_, stream_at(model, trie_, Site::before(component)), Site::before(component),
                        Site::end(config_), {.masks = {{component, masks}}})
            .rows;
      };
      EXPECT_TRUE(at::equal(states(halves_), states(floats_))) << to_string(component) << by_weight;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, HalfWeights,
                         ::testing::Combine(::testing::Range<size_t>(0, testing::all_kinds().size()),
                                            ::testing::Values(at::kBFloat16, at::kHalf)),
                         [](const auto& kind) {
                           return fmt::format("{}_{}", testing::all_kinds()[std::get<0>(kind.param)].name,
                                              at::toString(std::get<1>(kind.param)));
                         });

}  // namespace
}  // namespace cprobe
