// Variables that mean nothing, beside their null variables: whether p is what it says. Takes the
// whole way of a cell, from null variables over their circuits to the statistics.

#include "cprobe/evaluate/inference.h"
#include "cprobe/probe/draws.h"
#include "cprobe/probe/null_circuits.h"
#include "tests/planted_variable.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// Rows of one token, of 16, in a random model.
class Exchangeability : public ::testing::Test {
 protected:
  static constexpr int64_t kTokens = 16;

  Exchangeability() {
    ModelConfig config = testing::tiny_config();
    config.vocab = kTokens;
    config.n_layers = 1;
    data_ = {.model = testing::drawn_model(config), .train = rows(4), .test = rows(2)};
    data_.evaluation_sets = {{"Test", data_.test}};
  }

  static Dataset rows(int times) {
    testing::TokenRows all;
    for (int64_t i = 0; i < times * kTokens; ++i) all.push_back({i % kTokens});
    Dataset data{.source = fmt::format("{} times", times), .trie = build_trie(all)};
    data.answers = at::arange(kTokens).repeat({times});
    return data;
  }

  /// The statistics of `present` and `made here` of a variable in both blocks.
  /// @param values  [kTokens] int64.
  std::pair<std::vector<BesideNulls>, std::vector<BesideNulls>> asked(const at::Tensor& values, uint64_t seed) {
    data_.train.variables["v"] = values.repeat({4});
    data_.test.variables["v"] = values.repeat({2});
    data_.evaluation_sets = {{"Test", data_.test}};
    const NullHypothesis null = null_hypothesis(data_, "v", {}, 19);
    // Without L0 weights: a path, on which the variable and its null variables choose.
    const FindOptions options{.fit = {.epochs = 6, .batch_size = 32, .learning_rate = .1, .l0_weights = {}},
                              .exemplar_draws = 2,
                              .seed = seed,
                              .train_types = types_to_train_on(data_, null)};
    EXPECT_EQ(null.variables.n(), 19);
    Streams streams(data_.model);
    std::pair<std::vector<BesideNulls>, std::vector<BesideNulls>> statistics;
    for (const Block block : {Block::kAttention, Block::kMlp}) {
      const auto draws =
          named_draws(Seed(seed), data_.train.trie.n_rows(), data_.test.trie.n_rows(), options.exemplar_draws);
      const FoundCircuit found =
          probe_component(data_.model, data_.train, data_.test, "v", {0, block}, options, *draws, streams);
      const std::vector<Circuit> nulls = find_null_circuits(data_.model, data_, null, {0, block}, options, streams);
      const Findings::Presence there =
          presence(data_.model, data_, "v", found.circuit, nulls, null, options, streams).at(0);
      statistics.first.push_back({there.present.value, there.present.nulls});
      statistics.second.push_back({there.made_here.value, there.made_here.nulls});
    }
    return statistics;
  }

  RunData data_;
};

TEST_F(Exchangeability, OfTablesThatMeanNothingIsWhatPAssumes) {
  int64_t n_present = 0, n_made_here = 0;
  constexpr int kVariables = 60;
  for (uint64_t seed = 0; seed < kVariables; ++seed) {
    const at::Tensor table = at::randperm(kTokens, Seed(seed).derive("table").generator(), at::kLong).remainder(4);
    const auto [present, made_here] = asked(table, seed);
    const auto any = [](const std::vector<BesideNulls>& family) {
      return std::ranges::any_of(max_t(family, .05), &CountedP::is_significant) ? 1 : 0;
    };
    n_present += any(present);
    n_made_here += any(made_here);
  }
  EXPECT_LE(n_present, 9) << "of 60: the 99.9 % limit at .05";
  EXPECT_LE(n_made_here, 9) << "of 60: the 99.9 % limit at .05";
  EXPECT_GT(n_present + n_made_here, 0) << "statistics that are all tied would be no test";
}

}  // namespace
}  // namespace cprobe
