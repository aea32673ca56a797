#include "cprobe/baselines/probing.h"

#include "tests/baselines/planted.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::planted;
using testing::planted_site;
using testing::value_of;

/// Options that train enough for the planted model.
ProbeOptions quick(int64_t hidden = 0) {
  return {.hidden = hidden, .epochs = 20, .batch_size = 100, .learning_rate = 0.02};
}

class PlantedProbing : public ::testing::TestWithParam<std::tuple<int64_t, Block>> {
 protected:
  std::vector<Metric> run(const std::string& variable) const {
    const auto [hidden, block] = GetParam();
    return make_probing(quick(hidden))->run(planted_site(planted_, variable, block), {});
  }

  const testing::Planted planted_ = planted();
};

TEST_P(PlantedProbing, DecodesWhatAStateHoldsAndNothingElse) {
  for (const char* stored : {"a", "b"}) {
    const std::vector<Metric> metrics = run(stored);
    EXPECT_GE(value_of(metrics, "test_accuracy"), 0.99) << stored;
    EXPECT_LE(value_of(metrics, "test_accuracy", "majority"), 0.3) << stored;
  }
  EXPECT_LE(value_of(run("noise"), "test_accuracy"), 0.3);
}

INSTANTIATE_TEST_SUITE_P(Sites, PlantedProbing,
                         ::testing::Combine(::testing::Values(0, 16),
                                            ::testing::Values(Block::kAttention, Block::kMlp)));

TEST(ControlTask, IsARandomLabelPerInputWhereTheTokenIsAlwaysTheSame) {
  const testing::Planted model = planted();
  const ProbedSite probed = planted_site(model, "a", Block::kAttention);
  const at::Tensor labels = control_labels(probed.train, probed.train.labels, false, Seed(3));
  EXPECT_TRUE(at::equal(labels, control_labels(probed.train, probed.train.labels, false, Seed(3))));
  EXPECT_FALSE(at::equal(labels, control_labels(probed.train, probed.train.labels, false, Seed(4))));
  // Every row ends in "=", so that all labels by type are equal.
  const at::Tensor by_type = control_labels(probed.train, probed.train.labels, true, Seed(3));
  EXPECT_TRUE(at::equal(by_type, by_type[0].expand_as(by_type)));
  // By input, equal rows have equal labels, and there are several labels.
  EXPECT_GT(std::get<0>(at::_unique(labels)).size(0), 3);
  for (int64_t r = 1; r < labels.size(0); ++r) {
    if (!at::equal(probed.train.nodes[r], probed.train.nodes[0])) continue;
    EXPECT_EQ(labels[r].item<int64_t>(), labels[0].item<int64_t>());
  }
}

TEST(ControlTask, MakesAProbeSelective) {
  const testing::Planted model = planted();
  const std::vector<Metric> metrics = make_probing(quick())->run(planted_site(model, "a", Block::kAttention), {});
  EXPECT_LE(value_of(metrics, "train_accuracy", "control task"), 0.7);
  EXPECT_NEAR(value_of(metrics, "selectivity"),
              value_of(metrics, "train_accuracy") - value_of(metrics, "train_accuracy", "control task"), 1e-12);
}

TEST(Probe, StopsAtTheBestEpochOnHeldOutStates) {
  const at::Tensor states = at::randn({400, 8}, Seed(0).generator());
  const at::Tensor labels = states.select(1, 0).gt(0).to(at::kLong);
  int64_t n_epochs = 0;
  const Probe probe = train_probe(
      states, labels, {.epochs = 200, .batch_size = 50, .learning_rate = 0.05, .dev_fraction = 0.25, .patience = 3},
      Seed(1), [&](const Progress& progress) { n_epochs = progress.done; });
  EXPECT_LT(n_epochs, 200);
  EXPECT_EQ(probe.n_dev, 100);
  EXPECT_GE(probe.dev_accuracy, 0.95);
  const at::Tensor held_out = at::randperm(400, Seed(1).derive("probe/dev").generator(), at::kLong).narrow(0, 0, 100);
  EXPECT_EQ(probe_accuracy(probe, states.index_select(0, held_out), labels.index_select(0, held_out)),
            probe.dev_accuracy)
      << "the weights of that epoch";
  EXPECT_GE(probe_accuracy(probe, states, labels), 0.95);
}

TEST(Probe, HasOutputsThatStandForNoLabel) {
  const at::Tensor states = at::randn({100, 4}, Seed(0).generator());
  const at::Tensor labels = at::arange(100).remainder(3) * 5;
  const Probe probe = train_probe(states, labels, {.n_outputs = 7, .epochs = 1, .batch_size = 50}, Seed(1));
  EXPECT_EQ(probe.logits(states).size(1), 7);
  EXPECT_EQ(probe.classes, (std::vector<int64_t>{0, 5, 10}));
  EXPECT_TRUE(at::equal(probe.outputs_of(at::tensor({10, 3, 0}, at::kLong)), at::tensor({2, -1, 0}, at::kLong)));
}

TEST(Probe, TakesAllStatesInAStepWhereTheyAreFewerThanABatch) {
  const at::Tensor states = at::randn({40, 4}, Seed(0).generator());
  const at::Tensor labels = states.select(1, 0).gt(0).to(at::kLong);
  EXPECT_EQ(probe_accuracy(train_probe(states, labels, {.batch_size = 500}, Seed(0)), states, labels), 1);
}

TEST(Probe, RefusesFewerOutputsThanClasses) {
  const at::Tensor states = at::randn({9, 4}, Seed(0).generator());
  EXPECT_INPUT_ERROR(train_probe(states, at::arange(9).remainder(3), {.n_outputs = 2, .batch_size = 9}, Seed(0)),
                     "n_outputs is 2, but the training data have 3 classes");
}

TEST(Probe, RefusesOptionsThatMakeNoSense) {
  const auto read = [](const std::string& yaml) {
    const Document map = Document::parse_yaml(yaml, "spec.yaml");
    return read_probe_options(&map, kLinearProbe);
  };
  EXPECT_EQ(read("epochs: 7").epochs, 7);
  EXPECT_INPUT_ERROR(read("epoch: 7"), "did you mean 'epochs'");
  EXPECT_INPUT_ERROR(read("learning_rate: 0"), "expected a positive number");
  EXPECT_INPUT_ERROR(read("dev_fraction: 1"), "expected a share below 1");
}

}  // namespace
}  // namespace cprobe
