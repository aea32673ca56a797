#include "cprobe/baselines/beside_nulls.h"

#include "cprobe/baselines/amnesic.h"
#include "cprobe/baselines/counterfactual_embedding.h"
#include "cprobe/baselines/das.h"
#include "cprobe/baselines/other_sources.h"
#include "cprobe/baselines/probing.h"
#include "cprobe/baselines/subnetwork.h"
#include "tests/baselines/planted.h"
#include "tests/baselines/planted_types.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::Code;
using testing::planted_types;
using testing::planted_types_site;
using testing::PlantedTypes;
using testing::value_of;
using testing::Word;
using testing::word_of;

ProbeOptions quick_probe(int64_t hidden = 0) {
  return {.hidden = hidden, .epochs = 60, .batch_size = 100, .learning_rate = 0.02};
}

class ProbesBesideNulls : public ::testing::TestWithParam<int64_t> {
 protected:
  std::vector<Metric> run(const ProbedSite& probed) const {
    return make_probing(quick_probe(GetParam()))->run(probed, {});
  }
};
INSTANTIATE_TEST_SUITE_P(Hidden, ProbesBesideNulls, ::testing::Values(0, 32));

TEST_P(ProbesBesideNulls, TellAVariableInTheStateFromItsNulls) {
  const PlantedTypes planted = planted_types(Code::kValue);
  const std::vector<Metric> metrics = run(planted_types_site(planted));
  const Word found = word_of(metrics, "type_accuracy Test");
  EXPECT_EQ(found.word, VerdictWord::kYes);
  EXPECT_GE(found.figure.value, .99);
  EXPECT_EQ(found.figure.nulls.size(), 19u);
  EXPECT_EQ(found.figure.interval.n_types, testing::kTypes);
  EXPECT_LE(value_of(metrics, "type_accuracy Test", "null variables"), .6);
  EXPECT_EQ(value_of(metrics, "null_variables"), 19);
}

TEST_P(ProbesBesideNulls, CannotTellWhereTheyLearnAnyTableByHeart) {
  const PlantedTypes planted = planted_types(Code::kToken);
  const Word found = word_of(run(planted_types_site(planted)), "type_accuracy Test");
  EXPECT_GE(found.figure.value, .99) << "which says nothing of the table";
  EXPECT_EQ(found.word, VerdictWord::kCannotTell);
}

TEST_P(ProbesBesideNulls, ReadNoTableByHeartOnTypesThatWereHeldOut) {
  const at::Tensor held_out = at::arange(testing::kTypes).ge(16);
  for (const Code code : {Code::kToken, Code::kValue}) {
    PlantedTypes planted = planted_types(code);
    const ProbedSite probed = planted_types_site(planted);
    const double on_all = value_of(run(probed), "test_accuracy");
    planted.null.held_out = held_out;
    const std::vector<Metric> metrics = run(probed);
    EXPECT_EQ(value_of(metrics, "test_accuracy"), on_all) << "is of a probe that is fitted on all types";
    const Word found = word_of(metrics, "type_accuracy Test");
    EXPECT_EQ(found.figure.interval.n_types, 8);
    if (code == Code::kValue) {
      EXPECT_EQ(found.word, VerdictWord::kYes);
    } else {
      EXPECT_LE(found.figure.value, .6);
      EXPECT_NE(found.word, VerdictWord::kYes);
      EXPECT_NE(found.word, VerdictWord::kCannotTell);
    }
  }
}

TEST_P(ProbesBesideNulls, KeepTheirOtherFiguresWithNullVariables) {
  const PlantedTypes planted = planted_types(Code::kBoth);
  ProbedSite probed = planted_types_site(planted);
  const std::vector<Metric> with = run(probed);
  probed.null = nullptr;
  const std::vector<Metric> without = run(probed);
  ASSERT_EQ(with.size(), without.size() + 4) << "the number of null variables, and a figure with two controls";
  for (size_t i = 0; i < without.size(); ++i) EXPECT_EQ(with[i], without[i]) << without[i].metric;
}

TEST(ProbesTogether, AreThoseThatAreTrainedAlone) {
  const at::Tensor states = at::randn({330, 12}, Seed(0).generator());
  std::vector<at::Tensor> labels;
  for (int64_t i = 0; i < 4; ++i) labels.push_back(states.select(1, i).gt(0).to(at::kLong) + 2 * (i == 3 ? 0 : 1));
  labels.push_back(at::arange(330).remainder(5));  // With other outputs than the rest.
  const ProbeOptions options{.epochs = 7, .batch_size = 50, .learning_rate = 0.05};
  const std::vector<Probe> together = train_probes(states, at::stack(labels), options, Seed(3));
  ASSERT_EQ(together.size(), labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    const Probe alone = train_probe(states, labels[i], options, Seed(3));
    EXPECT_EQ(together[i].classes, alone.classes);
    EXPECT_LE((together[i].logits(states) - alone.logits(states)).abs().max().item<double>(), 1e-4) << "probe " << i;
  }
}

TEST(SubnetworkProbeBesideNulls, TellsAVariableFromItsNulls) {
  const PlantedTypes planted = planted_types(Code::kValue);
  const auto probe = make_subnetwork_probe({.epochs = 40, .batch_size = 200, .l0_weight = 0, .random_controls = 0});
  const std::vector<Metric> metrics = probe->run(planted_types_site(planted), {});
  const Word found = word_of(metrics, "type_accuracy Test");
  EXPECT_EQ(found.word, VerdictWord::kYes) << found.figure.value << " beside " << found.figure.nulls.front();
  const PlantedTypes by_heart = planted_types(Code::kToken);
  EXPECT_NE(word_of(probe->run(planted_types_site(by_heart), {}), "type_accuracy Test").word, VerdictWord::kYes);
}

const DasOptions kDirections{.dimension = 4,
                             .train_pairs = 400,
                             .dev_pairs = 200,
                             .epochs = 20,
                             .batch_size = 50,
                             .learning_rate = 0.05,
                             .evaluate_every = 40,
                             .random_controls = 0};

TEST(DasBesideNulls, TellsDirectionsOfAVariableFromThoseOfNulls) {
  const PlantedTypes planted = planted_types(Code::kBoth);
  const std::vector<Metric> metrics = make_das(kDirections)->run(planted_types_site(planted), {});
  const Word found = word_of(metrics, "changed_answers Test");
  EXPECT_EQ(found.word, VerdictWord::kYes) << found.figure.value;
  EXPECT_EQ(found.figure.value, value_of(metrics, "interchange_accuracy changed"));
  EXPECT_LE(value_of(metrics, "changed_answers Test", "null variables"), .6);
  EXPECT_GE(value_of(metrics, "isolation Test"), .95);
  EXPECT_EQ(value_of(metrics, "isolation Test", "whole state"), 1) << "the answer is a function of v";
  EXPECT_EQ(value_of(metrics, "interchange_accuracy changed", "whole state"), 1);
  EXPECT_EQ(value_of(metrics, "source_answer", "whole state"), 1);
  EXPECT_EQ(value_of(metrics, "effective_dimension"), 4);
}

TEST(DasBesideNulls, TakesAsManyNullVariablesAsAsked) {
  const PlantedTypes planted = planted_types(Code::kBoth);
  DasOptions options = kDirections;
  options.epochs = 1;
  options.null_variables = 2;
  const ProbedSite probed = planted_types_site(planted);
  const std::vector<Metric> metrics = make_das(options)->run(probed, {});
  EXPECT_EQ(value_of(metrics, "null_variables"), 2);
  EXPECT_EQ(word_of(metrics, "changed_answers Test").word, VerdictWord::kTooFewTypes);
  options.null_variables = 0;
  const std::vector<Metric> without = make_das(options)->run(probed, {});
  EXPECT_TRUE(std::isnan(value_of(without, "null_variables")));
  for (size_t i = 0; i < without.size(); ++i) EXPECT_EQ(without[i], metrics[i]) << without[i].metric;
}

TEST(DasBesideNulls, SumsTheWeightsOfTheBoundary) {
  const PlantedTypes planted = planted_types(Code::kBoth);
  DasOptions options = kDirections;
  options.dimension = {};
  options.epochs = 2;
  options.null_variables = 0;
  const std::vector<Metric> metrics = make_das(options)->run(planted_types_site(planted), {});
  const double width = static_cast<double>(planted.model.config.d_model);
  EXPECT_GT(value_of(metrics, "effective_dimension"), 0);
  EXPECT_LT(value_of(metrics, "effective_dimension"), value_of(metrics, "dimension")) << "the first has weight 1/2";
  EXPECT_LE(value_of(metrics, "dimension"), width);
}

TEST(DasBesideNulls, HasNothingNewInProtocolPaper) {
  const PlantedTypes planted = planted_types(Code::kBoth);
  DasOptions options = kDirections;
  options.epochs = 1;
  ProbedSite probed = planted_types_site(planted);
  probed.paper_protocol = true;
  probed.null = nullptr;
  for (const Metric& m : make_das(options)->run(probed, {})) {
    EXPECT_NE(m.metric, "effective_dimension");
    EXPECT_NE(m.control, "whole state");
  }
}

TEST(OtherSources, HaveTheWantedValueAndAnotherType) {
  const at::Tensor values = at::tensor({0, 0, 0, 1, 1, 2}, at::kLong);
  const at::Tensor types = at::tensor({7, 7, 8, 4, 4, 9}, at::kLong);
  at::Generator generator = Seed(0).generator();
  bool has_seen_two = false;
  for (int draw = 0; draw < 50; ++draw) {
    const RowsWithSources drawn = draw_sources(values, values, types, generator);
    // Values 1 and 2 have one type each.
    ASSERT_TRUE(at::equal(drawn.rows, at::tensor({0, 1, 2}, at::kLong)));
    EXPECT_EQ(drawn.sources[0].item<int64_t>(), 2);
    EXPECT_EQ(drawn.sources[1].item<int64_t>(), 2);
    has_seen_two |= drawn.sources[2].item<int64_t>() == 1;
    EXPECT_LE(drawn.sources[2].item<int64_t>(), 1);
    const at::Tensor wanted = at::tensor({1, 5, 2, 0, 1, 1}, at::kLong);
    const RowsWithSources any = draw_sources(wanted, values, {}, generator);
    ASSERT_TRUE(at::equal(any.rows, at::tensor({0, 2, 3, 4, 5}, at::kLong))) << "no row has the value 5";
    EXPECT_TRUE(at::equal(values.index_select(0, any.sources), wanted.index_select(0, any.rows)));
  }
  EXPECT_TRUE(has_seen_two);
}

TEST(OtherSources, AreFoundAmongTheRowsOfTheDataSet) {
  Dataset data = testing::planted_type_rows(50, Seed(4));
  const std::optional<at::Tensor> sources = source_rows(data);
  ASSERT_TRUE(sources.has_value());
  EXPECT_TRUE(at::equal(data.variables.at("v").index_select(0, *sources), data.variables.at("counter_v")));
  data.counterfactuals->sources = testing::planted_type_rows(50, Seed(5)).trie;
  EXPECT_FALSE(source_rows(data).has_value());
  data.counterfactuals.reset();
  EXPECT_FALSE(source_rows(data).has_value());
}

const CounterfactualEmbeddingOptions kMove{.probe = {.epochs = 20, .batch_size = 100, .learning_rate = 0.02},
                                           .learning_rate = 0.03};

TEST(CounterfactualEmbeddingBesideNulls, FollowsTheVariableAndNotItsNulls) {
  const PlantedTypes planted = planted_types(Code::kValue);
  const std::vector<Metric> metrics = make_counterfactual_embedding(kMove)->run(planted_types_site(planted), {});
  const Word found = word_of(metrics, "changed_answers Test");
  EXPECT_EQ(found.word, VerdictWord::kYes) << found.figure.value;
  EXPECT_EQ(found.figure.value, value_of(metrics, "counterfactual_answer"));
  EXPECT_LE(value_of(metrics, "changed_answers Test", "null variables"), .6);
  EXPECT_LE(value_of(metrics, "counterfactual_answer", "random value"), .1) << "moved to another value";
  EXPECT_LT(value_of(metrics, "logit_difference_ratio_of_means"), 0);
}

TEST(CounterfactualEmbeddingBesideNulls, LeavesARatioOverZeroOut) {
  PlantedTypes planted = planted_types(Code::kBoth);
  planted.model.weights["unembed"].zero_();
  const std::vector<Metric> metrics = make_counterfactual_embedding(kMove)->run(planted_types_site(planted), {});
  EXPECT_FALSE(std::isnan(value_of(metrics, "counterfactual_answer")));
  EXPECT_TRUE(std::isnan(value_of(metrics, "logit_difference_ratio_of_means")));
}

TEST(AmnesicBesideNulls, IsNotDefinedWhereNothingIsErased) {
  const PlantedTypes planted = planted_types(Code::kBoth);
  ProbedSite probed = planted_types_site(planted);
  probed.train.labels = at::zeros_like(probed.train.labels);
  const auto method = make_amnesic_probing({.random_controls = 0, .probe = {.epochs = 1}});
  const std::vector<Metric> metrics = method->run(probed, {});
  EXPECT_EQ(value_of(metrics, "erased_directions"), 0);
  EXPECT_EQ(word_of(metrics, "erasure_harm Test").figure.interval.n_types, 0);
}

}  // namespace
}  // namespace cprobe
