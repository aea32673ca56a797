#include "cprobe/baselines/counterfactual_embedding.h"

#include "tests/baselines/planted.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::planted;
using testing::planted_site;
using testing::value_of;

const CounterfactualEmbeddingOptions kQuick{.probe = {.epochs = 20, .batch_size = 100, .learning_rate = 0.02},
                                            .learning_rate = 0.03};

TEST(CounterfactualEmbedding, ChangesTheAnswerWhereTheModelReadsTheVariable) {
  const testing::Planted model = planted();
  for (const Block behind : {Block::kAttention, Block::kMlp}) {
    const std::vector<Metric> metrics =
        make_counterfactual_embedding(kQuick)->run(planted_site(model, "a", behind), {});
    EXPECT_GE(value_of(metrics, "probe_flipped"), 0.99);
    EXPECT_GE(value_of(metrics, "counterfactual_answer"), 0.95);
    EXPECT_EQ(value_of(metrics, "counterfactual_answer", "untouched"), 0);
    EXPECT_LE(value_of(metrics, "original_answer"), 0.05);
    EXPECT_LT(value_of(metrics, "logit_difference_ratio"), 0);
  }
}

TEST(CounterfactualEmbedding, LeavesTheAnswerWhereItDoesNot) {
  const testing::Planted model = planted();
  const std::vector<Metric> metrics =
      make_counterfactual_embedding(kQuick)->run(planted_site(model, "b", Block::kMlp), {});
  EXPECT_GE(value_of(metrics, "probe_flipped"), 0.99);
  EXPECT_LE(value_of(metrics, "counterfactual_answer"), 0.1);
  // AdamW moves all coordinates by steps of the same size, also those that the answer depends on.
  EXPECT_GE(value_of(metrics, "original_answer"), 0.5);
}

TEST(CounterfactualEmbedding, MovesEachRowAsItWouldAlone) {
  const at::Tensor states = at::randn({12, 5}, Seed(0).generator());
  const at::Tensor labels = at::arange(12).remainder(3);
  const Probe probe =
      train_probe(states, labels, {.hidden = 6, .epochs = 30, .batch_size = 12, .learning_rate = 0.02}, Seed(1));
  const at::Tensor targets = (labels + 1).remainder(3);
  const at::Tensor together = counterfactual_states(probe, states, targets, kQuick);
  for (int64_t r = 0; r < states.size(0); ++r) {
    const at::Tensor alone = counterfactual_states(probe, states.narrow(0, r, 1), targets.narrow(0, r, 1), kQuick);
    EXPECT_LE((together.narrow(0, r, 1) - alone).abs().max().item<double>(), 1e-4) << "row " << r;
  }
}

TEST(CounterfactualEmbedding, SaysWhichColumnsItNeeds) {
  testing::Planted model = planted();
  model.test.variables.erase("counter_a");
  EXPECT_INPUT_ERROR(make_counterfactual_embedding(kQuick)->run(planted_site(model, "a", Block::kMlp), {}),
                     "need a column 'counter_a'");
  model = planted();
  model.test.counterfactuals.reset();
  const std::vector<Metric> metrics =
      make_counterfactual_embedding(kQuick)->run(planted_site(model, "a", Block::kMlp), {});
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_THAT(metrics.back().note, ::testing::HasSubstr("no counterfactual answers"));
}

}  // namespace
}  // namespace cprobe
