#include "cprobe/baselines/das.h"

#include "tests/evaluate/planted_pairs.h"
#include "tests/support.h"

namespace cprobe {
namespace {

const DasOptions kFixed{.dimension = 2,
                        .train_pairs = 40,
                        .dev_pairs = 14,
                        .epochs = 100,
                        .batch_size = 20,
                        .learning_rate = 0.05,
                        .evaluate_every = 50,
                        .random_controls = 20};

DasOptions boundless() {
  DasOptions options = kFixed;
  options.dimension = {};
  options.start_temperature = 5;
  options.epochs = 300;
  return options;
}

/// @throws std::runtime_error if there is no such figure.
const Metric& metric(const std::vector<Metric>& metrics, const std::string& name, const std::string& control = {}) {
  for (const Metric& m : metrics) {
    if (m.metric == name && m.control == control) return m;
  }
  throw std::runtime_error("no metric " + name);
}

class Das : public ::testing::Test {
 protected:
  std::vector<Metric> run(const DasOptions& options, const std::string& variable) const {
    return make_das(options)->run(testing::paired_site(planted_.model, train_, test_, variable), {});
  }

  DasResult trained(const DasOptions& options) const {
    const ProbedSite probed = testing::paired_site(planted_.model, train_, test_, "x");
    return train_das(planted_.model, interchange_pairs(probed, probed.train), nullptr, options, Seed(3));
  }

  /// How much of the directions that hold x an alignment exchanges, from 0 to 1.
  double overlap(const Alignment& found) const {
    at::Tensor shared = at::mm(planted_.directions_x.t(), found.rotation).square();
    if (found.weights.defined()) shared = shared * found.weights;
    return shared.sum().item<double>() / static_cast<double>(planted_.directions_x.size(1));
  }

  testing::PlantedPairs planted_ = testing::planted_pairs();
  Dataset train_ = testing::paired_rows(0, 54), test_ = testing::paired_rows(54, 81);
};

TEST_F(Das, FindsThePlantedDirections) {
  const DasResult found = trained(kFixed);
  EXPECT_GT(overlap(found.alignment), 0.9);
  EXPECT_EQ(found.step, 300);
  EXPECT_NEAR(found.boundary, 2.0 / 9, 1e-12);
  const std::vector<Metric> metrics = run(kFixed, "x");
  EXPECT_GT(metric(metrics, "interchange_accuracy").value, 0.95);
  EXPECT_GT(metric(metrics, "interchange_accuracy changed").value, 0.95);
  EXPECT_LT(*metric(metrics, "interchange_accuracy").p, 0.05);
  EXPECT_LT(metric(metrics, "interchange_accuracy", "random rotation").value, 0.7);
  EXPECT_EQ(metric(metrics, "vanilla_accuracy Test").value, 1);
  EXPECT_EQ(metric(metrics, "dimension").value, 2);
}

TEST_F(Das, BoundlessLearnsHowManyDirectionsItTakes) {
  const DasResult found = trained(boundless());
  // The weight of coordinate 0 is at most sigmoid(0) = 1/2, however wide the boundary. So at most
  // 1.5 of the two directions are exchanged.
  EXPECT_GT(overlap(found.alignment), 0.75);
  EXPECT_LT(found.boundary, 0.5);
  const std::vector<Metric> metrics = run(boundless(), "x");
  EXPECT_GT(metric(metrics, "interchange_accuracy").value, 0.95);
  EXPECT_LT(metric(metrics, "dimension").value, 4.5);
}

TEST_F(Das, FindsNothingWhereAnswersAreDrawnAtRandom) {
  for (const DasOptions& options : {kFixed, boundless()}) {
    EXPECT_LT(metric(run(options, "noise"), "interchange_accuracy").value, 0.4);  // Chance: 1 of 9.
  }
}

TEST_F(Das, RotationIsOrthogonalAfterTraining) {
  const at::Tensor r = trained(boundless()).alignment.rotation.to(at::kDouble);
  EXPECT_LT((at::mm(r.t(), r) - at::eye(9, at::kDouble)).abs().max().item<double>(), 1e-5);
}

TEST_F(Das, SameSeedGivesTheSameFigures) {
  DasOptions options = boundless();
  options.epochs = 10;
  const std::vector<Metric> first = run(options, "x"), second = run(options, "x");
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].value, second[i].value) << first[i].metric;
}

TEST_F(Das, DevPairsChooseTheStepByDefaultAndNeverInProtocolPaper) {
  DasOptions options = kFixed;
  options.epochs = 75;  // 150 steps.
  ProbedSite probed = testing::paired_site(planted_.model, train_, test_, "x");
  const std::vector<Metric> chosen = make_das(options)->run(probed, {});
  EXPECT_EQ(metric(chosen, "interchange_accuracy dev").n, 14);
  probed.paper_protocol = true;
  const std::vector<Metric> paper = make_das(options)->run(probed, {});
  EXPECT_EQ(metric(paper, "interchange_accuracy").note, "the alignment after step 150");
  EXPECT_THROW(metric(paper, "interchange_accuracy dev"), std::runtime_error);
}

TEST_F(Das, TakesTheStepWithTheBestAccuracyOnTheDevPairs) {
  const ProbedSite probed = testing::paired_site(planted_.model, train_, test_, "x");
  const InterchangePairs train = interchange_pairs(probed, probed.train);
  InterchangePairs dev = train.of_rows(train.changed.nonzero().squeeze(1));
  // On the dev pairs the base row's own answer counts as right. Training unlearns this answer.
  dev.answers = probed.train.data.answers.index_select(0, train.changed.nonzero().squeeze(1));
  DasOptions options = kFixed;
  options.evaluate_every = 1;
  const DasResult best = train_das(planted_.model, train, &dev, options, Seed(0)),
                  last = train_das(planted_.model, train, nullptr, options, Seed(0));
  EXPECT_LT(best.step, last.step);
  EXPECT_GT(*best.dev_accuracy, interchange_accuracy(planted_.model, dev, last.alignment).all);
  EXPECT_EQ(*best.dev_accuracy, interchange_accuracy(planted_.model, dev, best.alignment).all);
}

TEST_F(Das, SaysWhatIsWrongWithItsOptions) {
  DasOptions options = kFixed;
  options.dimension = 10;
  EXPECT_INPUT_ERROR(run(options, "x"), "dimension 10 exceeds the width of the state, 9");
}

TEST_F(Das, TakesAllRowsWhereThereAreFewerThanItWants) {
  DasOptions options = kFixed;
  options.epochs = 2;
  options.dev_pairs = 15;
  const std::vector<Metric> metrics = run(options, "x");
  EXPECT_EQ(metric(metrics, "interchange_accuracy train").n + metric(metrics, "interchange_accuracy dev").n, 54);
  EXPECT_EQ(metric(metrics, "interchange_accuracy train").n, 39) << "40 of 55 as 39 of 54";
}

TEST(DasOptions, AreReadFromASpec) {
  const auto read = [](const char* text, DasOptions defaults) {
    const Document map = Document::parse_yaml(text, "spec.yaml");
    return read_das_options(&map, defaults);
  };
  EXPECT_EQ(read_das_options(nullptr, {}).train_pairs, 2500);
  const DasOptions fixed = read("{dimension: 3, epochs: 7, random_controls: 0, null_variables: 5}", {.dimension = 0});
  EXPECT_EQ(fixed.dimension, 3);
  EXPECT_EQ(fixed.epochs, 7);
  EXPECT_EQ(fixed.random_controls, 0);
  EXPECT_EQ(fixed.null_variables, 5);
  EXPECT_EQ(read("{boundary_learning_rate: 0.1, end_temperature: 2}", {}).end_temperature, 2);
  EXPECT_INPUT_ERROR(read("{dimension: 3}", {}), "dimension");
  EXPECT_INPUT_ERROR(read("{start_temperature: 3}", {.dimension = 0}), "start_temperature");
  EXPECT_INPUT_ERROR(read("{epochs: 0}", {}), "spec.yaml:1:10");
}

TEST(DasOptions, AllAreInTheSettings) {
  const std::string base = make_das({})->settings();
  const auto differs = [&](DasOptions options) { return make_das(options)->settings() != base; };
  EXPECT_TRUE(differs({.dimension = 0}));
  EXPECT_TRUE(differs({.train_pairs = 1}));
  EXPECT_TRUE(differs({.dev_pairs = 1}));
  EXPECT_TRUE(differs({.epochs = 1}));
  EXPECT_TRUE(differs({.batch_size = 1}));
  EXPECT_TRUE(differs({.learning_rate = 1}));
  EXPECT_TRUE(differs({.boundary_learning_rate = 1}));
  EXPECT_TRUE(differs({.start_temperature = 1}));
  EXPECT_TRUE(differs({.end_temperature = 1}));
  EXPECT_TRUE(differs({.evaluate_every = 1}));
  EXPECT_TRUE(differs({.random_controls = 1}));
  EXPECT_TRUE(differs({.null_variables = 1}));
}

}  // namespace
}  // namespace cprobe
