#include "cprobe/probe/draws.h"

#include <set>

#include "cprobe/core/replay.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kTrain = 23, kTest = 11, kBatch = 5;

std::unique_ptr<Draws> draws(const ProbeSpec& spec, uint64_t seed = 0) {
  return make_draws(spec, {.seed = seed, .batch_size = kBatch}, kTrain, kTest);
}

std::vector<int64_t> numbers(const at::Tensor& order) {
  return {order.data_ptr<int64_t>(), order.data_ptr<int64_t>() + order.size(0)};
}

const at::Tensor kLabels = at::tensor({2, 0, 1, 0, 2, 1, 2, 0}, at::kLong);

/// Expects one row of each class, classes ascending.
void expect_one_of_each(const std::vector<int64_t>& exemplars) {
  ASSERT_EQ(exemplars.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(kLabels[exemplars[i]].item<int64_t>(), static_cast<int64_t>(i));
}

TEST(PaperDraws, DecodeInLoaderOrderWithTheIncompleteBatchDropped) {
  const auto paper = draws({.protocol = Protocol::kPaper, .data_seed = 4});
  const DecodingOrder order = paper->decoding_order();
  TorchReplay replay(4);
  EXPECT_TRUE(at::equal(order.train, replay.loader_pass(kTrain, true).narrow(0, 0, 20)));
  EXPECT_TRUE(at::equal(order.test, at::arange(kTest))) << "the test loader keeps its last batch";
}

TEST(PaperDraws, TrainFromTheStateThatDecodingTheTestSetLeaves) {
  const auto paper = draws({.protocol = Protocol::kPaper, .data_seed = 4});
  paper->decoding_order();
  TorchReplay replay(4);
  replay.loader_pass(kTest, false);
  for (int epoch = 0; epoch < 3; ++epoch) {
    EXPECT_TRUE(at::equal(paper->training_order(), replay.loader_pass(kTrain, true))) << "epoch " << epoch;
  }
  EXPECT_TRUE(at::equal(paper->test_order(), at::arange(kTest)));
}

TEST(PaperDraws, PickOneExemplarAClassWithNumpysGenerator) {
  const auto paper = draws({.protocol = Protocol::kPaper, .data_seed = 4});
  const std::vector<std::vector<int64_t>> picked = paper->exemplars(kLabels);
  ASSERT_EQ(picked.size(), 1u);
  expect_one_of_each(picked[0]);
  NumpyReplay numpy(4);
  const std::vector<std::vector<int64_t>> rows = {{1, 3, 7}, {2, 5}, {0, 4, 6}};
  for (size_t c = 0; c < 3; ++c) {
    const int64_t n = static_cast<int64_t>(rows[c].size());
    EXPECT_EQ(picked[0][c], rows[c][static_cast<size_t>(numpy.choice(n, 1)[0])]) << "class " << c;
  }
  EXPECT_EQ(picked, paper->exemplars(kLabels)) << "every evaluation seeds numpy again";
}

TEST(NamedDraws, DecodeAllTokensAndShuffleEveryEpochAnew) {
  const auto named = draws({});
  EXPECT_TRUE(at::equal(named->decoding_order().train, at::arange(kTrain)));
  const std::vector<int64_t> first = numbers(named->training_order()), second = numbers(named->training_order());
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), static_cast<size_t>(kTrain));
  EXPECT_NE(first, second);
}

TEST(NamedDraws, DependOnTheSeedAlone) {
  const auto one = draws({}, 1), other = draws({}, 2), again = draws({}, 1);
  again->exemplars(kLabels);  // Drawing exemplars does not shift the draws of batches.
  const std::vector<int64_t> order = numbers(one->training_order());
  EXPECT_EQ(order, numbers(again->training_order()));
  EXPECT_NE(order, numbers(other->training_order()));
}

TEST(NamedDraws, PickExemplarsAsOftenAsAsked) {
  const auto named = draws({.exemplar_draws = 30});
  const std::vector<std::vector<int64_t>> picked = named->exemplars(kLabels);
  ASSERT_EQ(picked.size(), 30u);
  std::set<std::vector<int64_t>> different;
  for (const std::vector<int64_t>& exemplars : picked) {
    expect_one_of_each(exemplars);
    different.insert(exemplars);
  }
  EXPECT_GT(different.size(), 5u) << "of 18 combinations";
}

}  // namespace
}  // namespace cprobe
