#include "cprobe/baselines/subnetwork.h"
#include "cprobe/evaluate/behaviour.h"
#include "tests/planted_variable.h"

namespace cprobe {
namespace {

using ::testing::HasSubstr;

/// The tokens of the planted model. Those with six of the eight nuisances are for training, those
/// with the other two for testing.
class SubnetworkProbeOnPlanted : public ::testing::Test {
 protected:
  Dataset tokens(int64_t begin, int64_t end) const {
    Dataset data{.source = "planted"};
    data.trie = build_trie(testing::TokenRows(planted_.rows.begin() + begin, planted_.rows.begin() + end));
    // The untouched model's answers count as right.
    const Site last = Site::end(planted_.model.config);
    data.answers =
        logits(planted_.model, stream_at(planted_.model, data.trie, last).at_nodes(data.trie.nodes_at(-1))).argmax(1);
    return data;
  }

  std::vector<Metric> run(const SubnetworkOptions& options, Site site, const at::Tensor& labels) const {
    const Dataset train = tokens(0, 24), test = tokens(24, 32), all = tokens(0, 32);
    const auto set = [&](const Dataset& data, const at::Tensor& of_rows) {
      return ProbedSet{data, stream_at(planted_.model, data.trie, site), data.trie.nodes_at(-1), of_rows};
    };
    ProbedSite probed{.model = planted_.model,
                      .site = site,
                      .variable = "class",
                      .train = set(train, labels.narrow(0, 0, 24)),
                      .test = set(test, labels.narrow(0, 24, 8))};
    probed.evaluation_sets.emplace_back("All", set(all, labels));
    return make_subnetwork_probe(options)->run(probed, {});
  }

  static double value(const std::vector<Metric>& metrics, const std::string& name, const std::string& control = "") {
    for (const Metric& m : metrics) {
      if (m.metric == name && m.control == control) return m.value;
    }
    ADD_FAILURE() << "no " << name << " " << control;
    return 0;
  }

  const testing::PlantedModel planted_ = testing::planted_model();
  const Site mid_{1}, post_{2};
  const SubnetworkOptions options_{.epochs = 400, .batch_size = 24};
};

TEST_F(SubnetworkProbeOnPlanted, ReadsAVariableFromASubnetwork) {
  for (const SubnetworkScope scope : {SubnetworkScope::kComponent, SubnetworkScope::kModel}) {
    SCOPED_TRACE(std::string(to_string(scope)));
    SubnetworkOptions options = options_;
    options.scope = scope;
    const std::vector<Metric> found = run(options, post_, planted_.classes);
    EXPECT_GE(value(found, "train_accuracy"), 0.95);
    EXPECT_GE(value(found, "test_accuracy"), 0.85);
    EXPECT_EQ(value(found, "test_accuracy", "majority"), 0.25);
    EXPECT_LE(value(found, "test_accuracy", "control task"), 0.5) << "labels that say nothing";
    EXPECT_LT(value(found, "kept_weights_share"), 0.8);
    EXPECT_GT(value(found, "kept_weights_share"), 0.0);
    EXPECT_EQ(value(found, "vanilla_accuracy All"), 1);
    EXPECT_LT(value(found, "ablated_accuracy All"), 0.6) << "of most units, so that random ones harm as much";
    EXPECT_LT(value(found, "ablated_accuracy All", "random"), 0.6);
  }
}

TEST_F(SubnetworkProbeOnPlanted, ReadsNothingFromAComponentThatAddsNothing) {
  const std::vector<Metric> found = run(options_, mid_, planted_.classes);
  EXPECT_LE(value(found, "train_accuracy"), 0.3);
  EXPECT_LE(value(found, "test_accuracy"), 0.25);
  // The state at mid holds the class all the same, because the embedding does.
  SubnetworkOptions whole = options_;
  whole.scope = SubnetworkScope::kModel;
  EXPECT_GE(value(run(whole, mid_, planted_.classes), "test_accuracy"), 0.85);
}

TEST_F(SubnetworkProbeOnPlanted, KeepsNoWeightThatOnlyCosts) {
  SubnetworkOptions costly = options_;
  costly.l0_weight = 1e3;
  const std::vector<Metric> found = run(costly, post_, planted_.classes);
  EXPECT_EQ(value(found, "kept_weights_share"), 0);
  EXPECT_EQ(value(found, "ablated_accuracy All"), value(found, "vanilla_accuracy All"));
  for (const Metric& m : found) {
    if (m.metric == "ablated_accuracy All") {
      EXPECT_THAT(m.note, HasSubstr("empty subnetwork"));
    }
    EXPECT_NE(m.control, "random") << "as large as nothing";
  }
}

TEST_F(SubnetworkProbeOnPlanted, GivesTheSameFiguresTwice) {
  SubnetworkOptions options = options_;
  options.epochs = 5;
  const std::vector<Metric> first = run(options, post_, planted_.classes),
                            again = run(options, post_, planted_.classes);
  ASSERT_EQ(first.size(), again.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].value, again[i].value) << first[i].metric;
}

std::string settings(const std::string& yaml) {
  const Document map = Document::parse_yaml(yaml, "spec.yaml");
  return make_subnetwork_probe(read_subnetwork_options(&map))->settings();
}

TEST(SubnetworkProbe, ReadsItsOptions) {
  EXPECT_EQ(make_subnetwork_probe(read_subnetwork_options(nullptr))->settings(), make_subnetwork_probe({})->settings());
  EXPECT_EQ(settings("scope: model\nmethod: continuous_sparsification\nmask_init: 0.5\nunit: weight\nepochs: 3\n"
                     "batch_size: 4\nlearning_rate: 0.5\nclassifier_learning_rate: 0.25\nl0_weight: 2\n"
                     "max_temperature: 8\nrandom_controls: 0\n"),
            "scope model method continuous_sparsification mask_init 0.5 unit weight epochs 3 batch 4 lr 0.5 "
            "classifier lr 0.25 l0 2 temperature 8 random 0");
  EXPECT_THAT(settings("keep_probability: 0.6"), HasSubstr("hard_concrete keep_probability 0.6"));
  EXPECT_THAT(settings("method: magnitude_pruning"), HasSubstr("magnitude_pruning density 0.1"));
}

TEST(SubnetworkProbe, RefusesOptionsThatItHasNot) {
  EXPECT_INPUT_ERROR(settings("scop: model"), "did you mean 'scope'?");
  EXPECT_INPUT_ERROR(settings("scope: layer"), "spec.yaml:1:8: scope: 'layer' is not one of component, model");
  EXPECT_INPUT_ERROR(settings("density: 0.1"), "only method magnitude_pruning has this option");
  EXPECT_INPUT_ERROR(settings("keep_probability: [0.5, 0.6]"), "expected a single value");
  EXPECT_INPUT_ERROR(settings("keep_probability: 2"), "keep_probability must lie between 0 and 1, found 2");
  EXPECT_INPUT_ERROR(settings("epochs: 0"), "at least 1");
}

}  // namespace
}  // namespace cprobe
