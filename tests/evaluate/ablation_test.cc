#include "cprobe/evaluate/ablation.h"

#include "cprobe/evaluate/controls.h"
#include "tests/circuit/made_circuit.h"
#include "tests/evaluate/untouched.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;
using ::testing::ElementsAre;
using testing::TokenRows;

/// A data set whose right answers are what a model says under some masks. An ablation by the same
/// masks scores 1.
Dataset answered_by(const Model& model, const TokenRows& rows, const ComponentRef& component = {},
                    const ComponentMask& mask = {}) {
  const at::NoGradGuard no_gradients;
  Dataset data{.trie = build_trie(rows)};
  const Stream end = run_span(model, data.trie, embed(model, data.trie).expanded(), Site::start(),
                              Site::end(model.config), {.masks = {{component, mask}}});
  data.answers = logits(model, end.at_nodes(data.trie.nodes_at(-1))).argmax(1);
  return data;
}

Stream stream_before(const Model& model, const ComponentRef& component, const Dataset& data) {
  return stream_at(model, data.trie, Site::before(component));
}

class Ablation : public ::testing::TestWithParam<ComponentRef> {
 protected:
  AblationBench bench(const Dataset& data) const {
    const Stream before = stream_before(model_, component_, data);
    return AblationBench(model_, component_, data, before,
                         run_untouched(model_, data, before, Site::before(component_)));
  }

  Circuit circuit(double share, MaskUnit unit = MaskUnit::kNeuron) const {
    return testing::random_circuit(model_.config, {component_}, share, unit);
  }

  /// The masks of removing these units, nothing else.
  ComponentMask removing(const std::vector<at::Tensor>& members) const {
    ComponentMask mask;
    for (const at::Tensor& member : members) mask.push_back({.multiplier = (~member).to(at::kFloat)});
    return mask;
  }
  std::vector<at::Tensor> multipliers(const ComponentMask& mask) const {
    std::vector<at::Tensor> all;
    for (const LinearMask& one : mask) all.push_back(one.multiplier);
    return all;
  }

  const ComponentRef component_ = GetParam();
  const Model model_ = testing::drawn_model(testing::tiny_config());
  const TokenRows rows_ = testing::ragged_rows(model_.config, 60, Seed(2));
  const Seed seed_{3};
};

TEST_P(Ablation, OfNothingIsTheModelsBehaviour) {
  Dataset data = answered_by(model_, rows_);
  data.answers.narrow(0, 0, 15).fill_(5);  // some wrong
  const AblationBench here = bench(data);
  EXPECT_EQ(here.n_rows(), 60);
  EXPECT_EQ(here.untouched(), testing::untouched_accuracy(model_, data));
  EXPECT_EQ(here.measure({at::Tensor(), at::Tensor()}, Fill::kZero, seed_).accuracy, here.untouched());
}

TEST_P(Ablation, OfTheWholeComponentLeavesTheBiasOfItsLastMatrix) {
  Model without = model_;
  at::Tensor& last = without.weights.at(matrices_of(model_.config, component_).back().name + ".weight");
  last = at::zeros_like(last);
  const Dataset data = answered_by(without, rows_);
  const AblationBench here = bench(data);
  EXPECT_LT(here.untouched(), 1);
  const std::vector<AblationResult> results = ablate(here, circuit(1.1), {.complement = false}, seed_);
  ASSERT_EQ(results.size(), 1u) << "a full circuit has no random controls";
  EXPECT_EQ(results[0].accuracy.mean, 1);
  EXPECT_EQ(results[0].note(), "full circuit: the whole component is removed");
}

TEST_P(Ablation, OfACircuitRemovesItsUnitsAndOfTheComplementAllOthers) {
  for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
    const Circuit some = circuit(0.4, unit);
    const AblationOptions options{.n_random = 0};
    const auto accuracies = [&](const Dataset& data) {
      const AblationBench here = bench(data);
      const std::vector<AblationResult> results = ablate(here, some, options, seed_);
      EXPECT_EQ(results.size(), 2u);
      EXPECT_EQ(results[0].target, AblationTarget::kCircuit);
      EXPECT_EQ(results[1].target, AblationTarget::kComplement);
      EXPECT_FALSE(results[0].p.has_value()) << "no controls, no p";
      return std::vector<double>{here.untouched(), results[0].accuracy.mean, results[1].accuracy.mean};
    };
    ComponentMask keeping;
    for (const at::Tensor& keep : keep_multipliers(some)) keeping.push_back({.multiplier = keep});
    const std::vector<double> a = accuracies(answered_by(model_, rows_, component_, removing(some.members)));
    EXPECT_EQ(a[1], 1) << "circuit removed, " << to_string(unit);
    EXPECT_LT(std::max(a[0], a[2]), 1) << "answers cannot tell the ablations apart";
    const std::vector<double> b = accuracies(answered_by(model_, rows_, component_, keeping));
    EXPECT_EQ(b[2], 1) << "complement removed, " << to_string(unit);
    EXPECT_LT(std::max(b[0], b[1]), 1) << "answers cannot tell the ablations apart";
  }
}

TEST_P(Ablation, OfAnEmptyCircuitSaysSo) {
  const Dataset data = answered_by(model_, rows_);
  const std::vector<AblationResult> results = ablate(bench(data), circuit(-1), {}, seed_);
  ASSERT_EQ(results.size(), 2u) << "an empty circuit has no random controls";
  EXPECT_EQ(results[0].note(), "empty circuit: nothing to remove");
  EXPECT_EQ(results[0].accuracy.mean, 1);
  EXPECT_FALSE(results[0].p.has_value());
  EXPECT_EQ(results[1].note(), "empty circuit: the whole component is removed");
  EXPECT_LT(results[1].accuracy.mean, 1);
}

TEST_P(Ablation, AsksWhetherACircuitSufficesBesideTheSameRandomSets) {
  const Circuit some = circuit(0.4);
  ComponentMask keeping;
  for (const at::Tensor& keep : keep_multipliers(some)) keeping.push_back({.multiplier = keep});
  const Dataset data = answered_by(model_, rows_, component_, keeping);
  const AblationBench here = bench(data);
  const AblationOptions options{.fills = {Fill::kZero, Fill::kZero}, .n_random = 5, .sufficiency = true};
  const std::vector<AblationResult> results = ablate(here, some, options, seed_);
  const auto find = [&](AblationTarget target) { return std::ranges::find(results, target, &AblationResult::target); };
  const AblationResult& only = *find(AblationTarget::kComplement);
  ASSERT_NE(find(AblationTarget::kRandomComplement), results.end());
  const AblationResult& random = *find(AblationTarget::kRandomComplement);
  EXPECT_EQ(only.accuracy.mean, 1);
  EXPECT_EQ(random.note(), "drawn from all sets of its size");

  at::Generator generator = seed_.derive("ablation/random").generator();
  std::vector<double> kept;
  for (int draw = 0; draw < 5; ++draw) {
    ComponentMask only_random;
    for (const at::Tensor& units : draw_random_units(some.members, RandomSets::kUniform, generator)) {
      only_random.push_back({.multiplier = units.to(at::kFloat)});
    }
    kept.push_back(here.measure(multipliers(only_random), Fill::kZero, seed_).accuracy);
  }
  EXPECT_EQ(random.draws, kept) << "each of the sets that are ablated, left alone";
  ASSERT_TRUE(only.gain);
  EXPECT_NEAR(only.gain->mean, 1 - random.accuracy.mean, 1e-12);
  EXPECT_LE(only.gain->lower, only.gain->mean);
  EXPECT_FALSE(find(AblationTarget::kCircuit)->gain) << "of what is left only";
  const AblationResult plain = ablate(here, some, {.n_random = 5}, seed_)[0];
  EXPECT_EQ(plain, results[0]) << "deletion does not change";
}

TEST_P(Ablation, OfAnEmptyOrFullCircuitLeavesNoRandomSetAlone) {
  const Dataset data = answered_by(model_, rows_);
  for (const double share : {-1.0, 1.1}) {
    for (const AblationResult& result : ablate(bench(data), circuit(share), {.sufficiency = true}, seed_)) {
      EXPECT_NE(result.target, AblationTarget::kRandomComplement) << share;
      EXPECT_FALSE(result.gain) << share;
    }
  }
}

TEST_P(Ablation, PCountsControlsAtLeastAsHarmful) {
  const Circuit some = circuit(0.3);
  const Dataset data = answered_by(model_, rows_, component_, removing(circuit(0.2).members));
  const AblationBench here = bench(data);
  const AblationOptions options{.n_random = 9, .complement = false};
  const std::vector<AblationResult> results = ablate(here, some, options, seed_);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].target, AblationTarget::kRandom);
  EXPECT_EQ(results[1].accuracy.n, 9);
  EXPECT_EQ(results[1].note(), "drawn from all sets of its size");

  at::Generator generator = seed_.derive("ablation/random").generator();
  std::vector<double> controls(9);
  for (double& control : controls) {
    control = here.measure(multipliers(removing(draw_random_units(some.members, RandomSets::kUniform, generator))),
                           Fill::kZero, seed_)
                  .accuracy;
  }
  const auto harmful = std::count_if(controls.begin(), controls.end(),
                                     [&](double control) { return control <= results[0].accuracy.mean; });
  EXPECT_DOUBLE_EQ(results[0].p.value(), static_cast<double>(1 + harmful) / 10);
  EXPECT_DOUBLE_EQ(results[1].accuracy.mean, spread(controls).mean);
  EXPECT_DOUBLE_EQ(results[1].accuracy.sd.value(), spread(controls).sd.value());
}

TEST_P(Ablation, HasEffectsOnTheNextTokenOverItsDraws) {
  const Circuit some = circuit(0.3);
  const Dataset data = answered_by(model_, rows_);
  const AblationBench here = bench(data);
  const AblationOptions options{.n_random = 4, .effect = true};
  const std::vector<AblationResult> results = ablate(here, some, options, seed_);
  ASSERT_EQ(results.size(), 3u);
  std::vector<double> log_probabilities, divergences;
  const auto effect_of = [&](const std::vector<at::Tensor>& members) {
    return here.measure(multipliers(removing(members)), Fill::kZero, seed_, true).effect.value();
  };
  at::Generator generator = seed_.derive("ablation/random").generator();
  for (int64_t draw = 0; draw < options.n_random; ++draw) {
    const NextTokenEffect effect = effect_of(draw_random_units(some.members, RandomSets::kUniform, generator));
    log_probabilities.push_back(effect.log_probability);
    divergences.push_back(effect.divergence);
  }
  EXPECT_EQ(results[0].effect.value().divergence.mean, effect_of(some.members).divergence);
  EXPECT_EQ(results[0].effect.value().divergence.n, 1);
  const EffectSpread& random = results[1].effect.value();
  EXPECT_DOUBLE_EQ(random.log_probability.mean, spread(log_probabilities).mean);
  EXPECT_DOUBLE_EQ(random.log_probability.sd.value(), spread(log_probabilities).sd.value());
  EXPECT_DOUBLE_EQ(random.divergence.mean, spread(divergences).mean);
  EXPECT_DOUBLE_EQ(random.divergence.sd.value(), spread(divergences).sd.value());
  EXPECT_EQ(random.divergence.n, 4);
  for (const AblationResult& result : results) {
    EXPECT_GT(result.effect.value().divergence.mean, 0) << to_string(result.target);
    EXPECT_LT(result.effect.value().log_probability.mean, here.untouched_log_probability())
        << "the right answers are the untouched model's own likeliest";
  }
  EXPECT_FALSE(ablate(here, some, {.n_random = 1}, seed_)[0].effect.has_value()) << "not asked for";
}

TEST_P(Ablation, OfAnEmptyCircuitLeavesTheDistributionOfTheNextToken) {
  const Dataset data = answered_by(model_, rows_);
  const AblationBench here = bench(data);
  const AblationResult nothing = ablate(here, circuit(-1), {.complement = false, .effect = true}, seed_).at(0);
  EXPECT_NEAR(nothing.effect.value().divergence.mean, 0, 1e-9);
  EXPECT_NEAR(nothing.effect.value().log_probability.mean, here.untouched_log_probability(), 1e-6);
  EXPECT_LT(here.untouched_log_probability(), 0);
}

TEST_P(Ablation, OfOneMatrixLeavesTheOthers) {
  const Circuit some = circuit(0.4);
  for (size_t only = 0; only < 2; ++only) {
    ComponentMask mask = removing(some.members);
    mask[1 - only].multiplier = at::Tensor();
    const Dataset data = answered_by(model_, rows_, component_, mask);
    const AblationOptions options{.n_random = 0, .per_matrix = true, .complement = false};
    const std::vector<AblationResult> results = ablate(bench(data), some, options, seed_);
    ASSERT_EQ(results.size(), 3u);
    EXPECT_THAT((std::vector{results[0].matrix, results[1].matrix, results[2].matrix}),
                ElementsAre("all", some.matrices[0].short_name, some.matrices[1].short_name));
    EXPECT_EQ(results[1 + only].accuracy.mean, 1) << some.matrices[only].short_name;
    EXPECT_LT(std::max(results[0].accuracy.mean, results[2 - only].accuracy.mean), 1);
  }
}

TEST_P(Ablation, OfAMatrixThatIsEmptyOrFullHasNoControlsAndSaysSo) {
  Circuit some = circuit(0.4);
  some.members[0].fill_(false);
  some.members[1].fill_(true);
  const Dataset data = answered_by(model_, rows_);
  const AblationOptions options{
      .n_random = 3, .random_sets = RandomSets::kComplement, .per_matrix = true, .complement = false};
  int64_t n_runs = 0;
  const std::vector<AblationResult> results =
      ablate(bench(data), some, options, seed_, [&](const Progress&) { ++n_runs; });
  ASSERT_EQ(results.size(), 4u) << "the whole circuit and its controls, and each matrix";
  EXPECT_EQ(results[0].note(), "");
  EXPECT_EQ(results[1].note(), "drawn from all units in " + some.matrices[1].short_name);
  EXPECT_EQ(results[2].note(), fmt::format("empty circuit in {}: nothing to remove", some.matrices[0].short_name));
  EXPECT_EQ(results[2].accuracy.mean, 1);
  EXPECT_FALSE(results[2].p.has_value());
  EXPECT_EQ(results[3].note(), fmt::format("full circuit in {}: all of it is removed", some.matrices[1].short_name));
  EXPECT_EQ(n_runs, 6);
  EXPECT_EQ(most_ablations(options, 2), 12);
}

TEST_P(Ablation, GivesTheSameResultsForTheSameSeed) {
  const Dataset data = answered_by(model_, rows_);
  const Stream before = stream_before(model_, component_, data);
  const AblationBench here(model_, component_, data, before,
                           run_untouched(model_, data, before, Site::before(component_)), &data, &before);
  const AblationOptions options{.fills = {Fill::kZero, Fill::kMean, Fill::kResample}, .n_random = 3};
  const auto means = [&](Seed seed) {
    std::vector<double> all;
    for (const AblationResult& result : ablate(here, circuit(0.4), options, seed)) all.push_back(result.accuracy.mean);
    return all;
  };
  EXPECT_EQ(means(seed_).size(), 9u);
  EXPECT_EQ(means(seed_), means(seed_));
  EXPECT_NE(means(seed_), means(Seed(4)));
}

INSTANTIATE_TEST_SUITE_P(Components, Ablation,
                         ::testing::Values(ComponentRef{0, Block::kAttention}, ComponentRef{0, Block::kMlp},
                                           ComponentRef{1, Block::kAttention}),
                         [](const auto& param) {
                           return fmt::format("L{}_{}", param.param.layer, to_string(param.param.block));
                         });

/// Also where a norm over the queries of all heads, as of OLMo 2, would notice other queries.
TEST(AblationOfHeads, IsTheModelWithoutTheirValues) {
  int n_tested = 0;
  for (const auto& [name, config] : testing::further_families()) {
    const ComponentRef attention{0, Block::kAttention};
    const std::vector<MatrixInfo> matrices = matrices_of(config, attention);
    const auto values = std::ranges::find(matrices, "v_proj", &MatrixInfo::short_name);
    if (values == matrices.end() || values->n_heads < 2) continue;
    SCOPED_TRACE(name);
    ++n_tested;
    const Model model = testing::drawn_model(config);
    Model without = model;
    at::Tensor& weight = without.weights.at(values->name + ".weight");
    weight = weight.clone();
    weight.narrow(1, 0, values->n_out / values->n_heads).zero_();
    Circuit first_head = testing::random_circuit(config, {attention}, -1, MaskUnit::kHead);
    first_head.members[static_cast<size_t>(values - matrices.begin())][0] = true;

    const TokenRows rows = testing::ragged_rows(config, 60, Seed(2));
    const Dataset data = answered_by(without, rows);
    const Stream before = stream_before(model, attention, data);
    const AblationBench bench(model, attention, data, before,
                              run_untouched(model, data, before, Site::before(attention)));
    const AblationOptions options{.fills = {Fill::kZero}, .n_random = 0};
    EXPECT_EQ(ablate(bench, first_head, options, Seed(3)).front().accuracy.mean, 1);
    EXPECT_LT(bench.untouched(), 1) << "answers cannot tell the ablation apart";
  }
  EXPECT_GE(n_tested, 5);
}

TEST(AblationTarget, HasAName) {
  EXPECT_EQ(to_string(AblationTarget::kRandom), "random");
}

}  // namespace
}  // namespace cprobe
