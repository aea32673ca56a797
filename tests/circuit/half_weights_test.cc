#include <gtest/gtest.h>

#include "cprobe/circuit/fit.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

/// A mask that a method trains on a component of a model, at every node of some rows.
FitResult fitted(const Model& model, const ComponentRef& component, MaskUnit unit, const MaskMethod& method) {
  const TokenTrie trie = build_trie(testing::ragged_rows(model.config, 12, Seed(5)));
  const at::Tensor nodes = at::arange(trie.n_nodes());
  const ComponentInputs inputs(model, component, unit, trie, stream_at(model, trie, Site::before(component)), nodes);
  return fit(
      inputs, trie.token.remainder(3), method, {.epochs = 3, .batch_size = 16, .learning_rate = 0.05},
      [](int64_t n) { return at::arange(n); }, Seed(6).generator());
}

class FitOfHalves : public ::testing::TestWithParam<size_t> {};

TEST_P(FitOfHalves, IsThatOfTheSameNumbersAsFloat32) {
  const Model halves =
      testing::with_halves(testing::drawn_model(testing::all_kinds()[GetParam()].config), at::kBFloat16);
  const Model floats = testing::in_float32(halves);
  for (const Block block : {Block::kAttention, Block::kMlp}) {
    for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
      for (const MaskKind kind : kMaskKinds) {
        const auto method = make_mask_method(kind, mask_option(kind).otherwise);
        const FitResult a = fitted(halves, {1, block}, unit, *method), b = fitted(floats, {1, block}, unit, *method);
        const auto where = fmt::format("{} {} {}", to_string(block), to_string(unit), to_string(kind));
        EXPECT_EQ(a.curve, b.curve) << where;
        ASSERT_EQ(a.mask().parameters.size(), b.mask().parameters.size());
        for (size_t i = 0; i < a.mask().parameters.size(); ++i) {
          EXPECT_EQ(a.mask().parameters[i].scalar_type(), at::kFloat) << where;
          EXPECT_TRUE(at::equal(a.mask().parameters[i], b.mask().parameters[i])) << where << " matrix " << i;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FitOfHalves, ::testing::Range<size_t>(0, testing::all_kinds().size()),
                         [](const auto& kind) { return std::string(testing::all_kinds()[kind.param].name); });

}  // namespace
}  // namespace cprobe
