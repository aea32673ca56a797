#include "cprobe/probe/ablate_everywhere.h"

#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

const ComponentRef kAttention{1, Block::kAttention};

/// Rows with made-up answers.
Dataset rows(uint64_t seed) {
  const ModelConfig config = testing::tiny_config();
  Dataset data{.source = "rows", .trie = build_trie(testing::ragged_rows(config, 30, Seed(seed)))};
  data.answers = at::randint(config.vocab, {30}, Seed(seed).derive("answers").generator(), at::kLong);
  return data;
}

class AblateEverywhere : public ::testing::Test {
 protected:
  std::vector<Findings::OnEvaluationSet> ablated(const RunData& data, const AblationOptions& options) const {
    Streams streams(data.model);
    return ablate_everywhere(data.model, circuit_, data, options, Seed(5), streams);
  }

  RunData data_{.model = testing::drawn_model(testing::tiny_config()),
                .train = rows(1),
                .evaluation_sets = {{"IID", rows(2)}, {"Gen", rows(3)}}};
  const Circuit circuit_ = testing::random_circuit(testing::tiny_config(), {kAttention}, 0.4);
};

TEST_F(AblateEverywhere, IsTheAblationsOfEachDataSetUnderItsLabel) {
  const AblationOptions options{.fills = {Fill::kZero, Fill::kResample}, .n_random = 2, .effect = true};
  const std::vector<Findings::OnEvaluationSet> results = ablated(data_, options);
  ASSERT_EQ(results.size(), 2u);
  const Site site = Site::before(kAttention);
  const Stream train = stream_at(data_.model, data_.train.trie, site);
  for (size_t i = 0; i < results.size(); ++i) {
    const auto& [label, dataset] = data_.evaluation_sets[i];
    const Stream before = stream_at(data_.model, dataset.trie, site);
    const AblationBench bench(data_.model, kAttention, dataset, before,
                              run_untouched(data_.model, dataset, before, site), &data_.train, &train);
    const std::vector<AblationResult> alone =
        ablate(bench, circuit_, options, {seed_of_random_sets(circuit_), Seed(5).derive(label)});
    EXPECT_EQ(results[i].label, label);
    EXPECT_EQ(results[i].n_rows, 30);
    EXPECT_EQ(results[i].untouched, bench.untouched());
    EXPECT_NEAR(results[i].untouched_log_probability.value(), bench.untouched_log_probability(), 1e-6);
    ASSERT_EQ(results[i].ablations.size(), alone.size());
    for (size_t a = 0; a < alone.size(); ++a) {
      EXPECT_EQ(results[i].ablations[a].accuracy.mean, alone[a].accuracy.mean);
      EXPECT_NEAR(results[i].ablations[a].effect.value().divergence.mean, alone[a].effect.value().divergence.mean,
                  1e-6);
    }
  }
}

TEST_F(AblateEverywhere, GivesADataSetTheSameFiguresWhateverElseIsMeasured) {
  RunData gen_only = data_;
  gen_only.evaluation_sets.erase(gen_only.evaluation_sets.begin());
  const AblationOptions options{.n_random = 4, .effect = true};
  const Findings::OnEvaluationSet both = ablated(data_, options).at(1), alone = ablated(gen_only, options).at(0);
  ASSERT_EQ(both.ablations.size(), alone.ablations.size());
  for (size_t a = 0; a < both.ablations.size(); ++a) {
    EXPECT_EQ(both.ablations[a].accuracy.mean, alone.ablations[a].accuracy.mean);
    EXPECT_EQ(both.ablations[a].effect.value().divergence.mean, alone.ablations[a].effect.value().divergence.mean);
  }
}

TEST_F(AblateEverywhere, TakesTheSameRandomSetsOnEachDataSetAndForEachCircuit) {
  RunData twice = data_;
  twice.evaluation_sets = {{"IID", rows(2)}, {"Gen", rows(2)}};
  const auto draws = [&](RandomSets sets) {
    std::vector<std::vector<double>> of_sets;
    for (const Findings::OnEvaluationSet& on : ablated(twice, {.n_random = 20, .random_sets = sets})) {
      of_sets.push_back(on.random()->draws);
    }
    return of_sets;
  };
  const auto uniform = draws(RandomSets::kUniform);
  EXPECT_EQ(uniform.at(0), uniform.at(1));
  const auto complement = draws(RandomSets::kComplement);
  EXPECT_NE(complement.at(0), complement.at(1)) << "as protocol paper has always drawn them";
  Circuit same = circuit_, other = circuit_;
  same.provenance = {{"variable", "another"}, {"seed", "3"}};
  EXPECT_EQ(seed_of_random_sets(same).value(), seed_of_random_sets(circuit_).value());
  other.provenance["model_fingerprint"] = "another";
  EXPECT_NE(seed_of_random_sets(other).value(), seed_of_random_sets(circuit_).value());
}

TEST_F(AblateEverywhere, TellsOfEveryAblation) {
  const AblationOptions options{.n_random = 3, .per_matrix = true};
  Streams streams(data_.model);
  const int64_t n_ablations = 2 * most_ablations(options, circuit_.matrices.size());
  int64_t n_done = 0;
  std::vector<std::string> notes;
  ablate_everywhere(data_.model, circuit_, data_, options, Seed(5), streams, [&](const Progress& progress) {
    EXPECT_EQ(progress.total, n_ablations);
    if (!notes.empty() && notes.back() == progress.note) {
      EXPECT_EQ(progress.done, n_done + 1);
    } else {
      notes.push_back(progress.note);
    }
    n_done = progress.done;
  });
  EXPECT_EQ(n_done, n_ablations);
  EXPECT_THAT(notes, ElementsAre("the untouched model on IID", "ablating on IID", "the untouched model on Gen",
                                 "ablating on Gen"));
}

}  // namespace
}  // namespace cprobe
