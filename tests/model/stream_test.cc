#include "cprobe/model/stream.h"

#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::drawn_model;
using testing::tiny_config;

TEST(Embed, StoresEachTokenAndPositionOnce) {
  const Model model = drawn_model(tiny_config());
  const TokenTrie trie = build_trie(testing::TokenRows{{1, 5, 5}, {2, 5, 5}, {3, 5}});
  const Stream stream = embed(model, trie);
  EXPECT_EQ(trie.n_nodes(), 8);
  EXPECT_EQ(stream.rows.size(0), 5);
  const at::Tensor expected = model.weight("embed.token").index_select(0, trie.token) +
                              model.weight("embed.position").index_select(0, trie.position);
  EXPECT_TRUE(at::equal(stream.at_nodes(at::arange(8)), expected));
  EXPECT_TRUE(at::equal(stream.expanded().rows, expected));
}

TEST(Embed, RefusesWhatTheModelHasNoEmbeddingFor) {
  const Model model = drawn_model(tiny_config());
  const auto embed_row = [&](const std::vector<int64_t>& row) { embed(model, build_trie(testing::TokenRows{row})); };
  EXPECT_NO_THROW(embed_row(std::vector<int64_t>(7, 12)));
  EXPECT_INPUT_ERROR(embed_row(std::vector<int64_t>(8, 12)),
                     "a sequence of 8 tokens is longer than the model's context of 7");
  EXPECT_INPUT_ERROR(embed_row({1, 13}), "token 13 is outside the model's vocabulary of 13");
}

TEST(Stream, KeepsTheStreamBeforeALayerWhereTheLayersMlpReadsIt) {
  ModelConfig config = tiny_config();
  config.layers = {{.parallel_residual = true}, {}};
  Stream stream{at::randn({3, 8}, Seed(1).generator()), at::arange(3)};
  stream.begin_layer(config, 1);
  EXPECT_FALSE(stream.before_layer.defined());
  stream.begin_layer(config, 0);
  const at::Tensor before = stream.rows;
  stream.rows = stream.rows + 1;
  EXPECT_TRUE(at::equal(stream.read(), before));
  const at::Tensor which = at::tensor({2, 0}, at::kLong);
  const Stream some = stream.selected(which, at::tensor({1, -1, 0}, at::kLong));
  EXPECT_TRUE(at::equal(some.rows, stream.rows.index_select(0, which)));
  EXPECT_TRUE(at::equal(some.read(), before.index_select(0, which)));
  EXPECT_TRUE(at::equal(some.at_nodes(at::tensor({0}, at::kLong)), stream.rows.narrow(0, 0, 1)));
}

TEST(Stream, TakesTwoArraysWhereSomeLayersMlpReadsTheStreamBeforeIt) {
  ModelConfig config = tiny_config();
  EXPECT_EQ(stream_bytes(config, 10), 10 * 8 * 4);
  config.layers = {{}, {.parallel_residual = true}};
  EXPECT_EQ(stream_bytes(config, 10), 2 * 10 * 8 * 4);
}

}  // namespace
}  // namespace cprobe
