#include "cprobe/probe/null_circuits.h"

#include "cprobe/data/held_out_types.h"
#include "cprobe/probe/draws.h"
#include "cprobe/probe/probe_cell.h"
#include "tests/planted_variable.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// The planted model, whose MLP has neurons for the class of a token. Its variables: `class`, which
/// the MLP writes; `nothing`, a table of the token that has the classes' sizes and nothing else.
class NullCircuits : public ::testing::Test {
 protected:
  NullCircuits() {
    data_ = {.model = planted_.model, .train = rows(6), .test = rows(4)};
    data_.evaluation_sets = {{"Test", data_.test}};
    data_.fingerprints = {fingerprint(data_.model)};
    spec_.probe.fit.epochs = 20;
    spec_.probe.exemplar_draws = 5;
    spec_.probe.ablation.n_random = 19;
  }

  Dataset rows(int times) const {
    testing::TokenRows all;
    for (int i = 0; i < times; ++i) all.insert(all.end(), planted_.rows.begin(), planted_.rows.end());
    Dataset data{.source = fmt::format("{} times", times), .trie = build_trie(all)};
    data.answers = planted_.classes.repeat({times});
    data.variables["class"] = data.answers;
    const at::Tensor order = at::randperm(32, Seed(5).generator(), at::kLong);
    data.variables["nothing"] = planted_.classes.index_select(0, order).repeat({times});
    return data;
  }

  Findings probe(const std::string& variable) const {
    const Cell cell{.variable = variable, .component = {0, Block::kMlp}, .batch_size = 64};
    Streams streams(data_.model);
    return probe_cell(spec_, cell, "id", data_, streams).findings;
  }

  testing::PlantedModel planted_ = testing::planted_model();
  RunData data_;
  Spec spec_;
};

TEST_F(NullCircuits, TellAVariableFromATableThatNothingComputes) {
  const Findings planted = probe("class");
  EXPECT_EQ(planted.types, "token 0");
  EXPECT_EQ(planted.null_kind, "permuted tokens");
  EXPECT_EQ(planted.null_weights.size(), 19u);
  ASSERT_EQ(planted.presence.size(), 1u);
  const Findings::Presence& there = planted.presence[0];
  EXPECT_EQ(there.data, "Test");
  EXPECT_GT(there.present.value, .9);
  for (const double null : there.present.nulls) EXPECT_LT(null, there.present.value);
  EXPECT_GT(there.present.interval.lower, .05);

  const Findings::Presence nowhere = probe("nothing").presence.at(0);
  const auto n_above =
      std::ranges::count_if(nowhere.present.nulls, [&](double x) { return x >= nowhere.present.value; });
  EXPECT_GT(n_above, 0) << "the table is one of its own null variables";
  EXPECT_LT(nowhere.present.value, .6);
}

TEST_F(NullCircuits, TheEmbeddingHasTheClassAlready) {
  const Findings::Presence there = probe("class").presence.at(0);
  ASSERT_EQ(there.inputs.size(), 1u) << "an MLP reads one position";
  EXPECT_EQ(there.received_from, "the probed token");
  EXPECT_NEAR(there.made_here.value, there.present.value - there.inputs[0].accuracy, 1e-12);
  EXPECT_EQ(there.made_here.nulls.size(), 19u);
}

TEST_F(NullCircuits, HaveEveryValueInTheTrainingRows) {
  // Half of the tokens have no training row. Each of 8 values has two tokens in either half.
  testing::TokenRows seen;
  for (int64_t i = 0; i < 64; ++i) seen.push_back({i % 16});
  data_.train = {.source = "seen", .trie = build_trie(seen)};
  data_.train.variables["pair"] = at::arange(16).remainder(8).repeat({4});
  data_.test.variables["pair"] = at::arange(32).remainder(8).repeat({4});
  data_.evaluation_sets = {{"Test", data_.test}};
  const NullHypothesis null = null_hypothesis(data_, "pair", {}, 19);
  ASSERT_EQ(null.variables.n(), 19);
  const at::Tensor labels = null.variables.labels(null.types.of_rows[place_of(data_, data_.train)]);
  for (int64_t b = 0; b < 19; ++b) EXPECT_EQ(std::get<0>(at::_unique2(labels[b])).size(0), 8) << b;
}

TEST_F(NullCircuits, LeaveTheCircuitItselfAsItIs) {
  const Findings with = probe("class");
  spec_.probe.null_variables = 0;
  const Findings without = probe("class");
  EXPECT_EQ(with.train_loss, without.train_loss);
  EXPECT_EQ(with.n_weights, without.n_weights);
  EXPECT_EQ(with.knn, without.knn);
  EXPECT_EQ(without.presence.at(0).present.value, with.presence.at(0).present.value);
  EXPECT_TRUE(without.presence.at(0).present.nulls.empty());
  EXPECT_TRUE(without.null_kind.empty());
}

TEST_F(NullCircuits, AreAblatedBesideTheCircuit) {
  const Findings found = probe("class");
  const Findings::OnEvaluationSet& on = found.evaluation_sets.at(0);
  const AblationResult* nulls = on.find(AblationTarget::kNull, Fill::kZero);
  ASSERT_NE(nulls, nullptr);
  EXPECT_EQ(nulls->draws.size(), 19u);
  ASSERT_NE(on.circuit(), nullptr);
  if (found.extent() == Extent::kPart) {
    ASSERT_TRUE(on.circuit()->harm.has_value());
    EXPECT_NEAR(on.circuit()->harm->mean, on.random()->accuracy.mean - on.circuit()->accuracy.mean, 1e-12);
    EXPECT_EQ(on.circuit()->harm->n_types, 32);
  }
}

TEST_F(NullCircuits, AreJudgedOnTypesThatNoMaskSawIfTypesAreHeldOut) {
  const Findings all = probe("class");
  EXPECT_EQ(all.n_held_out, 0);
  EXPECT_EQ(all.presence.at(0).present.interval.n_types, 32);
  spec_.probe.held_out_types = .25;
  const Findings found = probe("class");
  EXPECT_EQ(found.n_held_out, 8);
  EXPECT_EQ(found.n_train, 6 * 24 / 64 * 64) << "rows of the other 24 types, in whole batches";
  EXPECT_EQ(found.n_test, 4 * 32) << "raw decoding and ablations are on all rows";
  EXPECT_NE(found.train_loss, all.train_loss);
  const Findings::Presence& there = found.presence.at(0);
  EXPECT_EQ(there.present.interval.n_types, 8);
  EXPECT_GT(there.present.value, .9) << "the MLP writes the class of tokens that no exemplar has";
  ASSERT_EQ(there.present.nulls.size(), 19u);
  for (const double null : there.present.nulls) EXPECT_LT(null, there.present.value);
  EXPECT_EQ(there.made_here.nulls.size(), 19u);
  const Findings::Presence nowhere = probe("nothing").presence.at(0);
  EXPECT_LT(nowhere.present.value, .6);
}

TEST_F(NullCircuits, HoldTheSameTypesOutAsTheVariable) {
  const NullHypothesis null = null_hypothesis(data_, "class", {}, 19, .25);
  const at::Tensor of_train = null.types.of_rows[0];
  ASSERT_EQ(null.variables.n(), 19);
  for (int64_t b = 0; b < 19; ++b) {
    EXPECT_TRUE(may_hold_out(null.variables.values[b], of_train, null.held_out)) << b;
  }
  const at::Tensor rows = rows_to_train_on(data_, null);
  EXPECT_EQ(rows.size(0), 6 * 24);
  EXPECT_FALSE(null.held_out.index_select(0, of_train.index_select(0, rows)).any().item<bool>());
  EXPECT_FALSE(rows_to_train_on(data_, null_hypothesis(data_, "class", {}, 1)).defined());
}

TEST_F(NullCircuits, LeaveDataWithoutUnseenTypesUndefined) {
  // An evaluation set with rows of the first types only, all of which masks have seen.
  const at::Tensor held_out = null_hypothesis(data_, "class", {}, 1, .25).held_out;
  testing::TokenRows seen;
  std::vector<int64_t> classes;
  for (size_t type = 0; type < planted_.rows.size(); ++type) {
    const auto place = static_cast<int64_t>(type);
    if (held_out[place].item<bool>()) continue;
    seen.push_back(planted_.rows[type]);
    classes.push_back(planted_.classes[place].item<int64_t>());
  }
  Dataset set{.source = "seen", .trie = build_trie(seen)};
  set.variables["class"] = set.answers = at::tensor(classes, at::kLong);
  data_.evaluation_sets.emplace_back("Seen", set);
  spec_.probe.held_out_types = .25;
  const std::vector<Findings::Presence> presence = probe("class").presence;
  ASSERT_EQ(presence.size(), 2u);
  EXPECT_EQ(presence[1].data, "Seen");
  EXPECT_EQ(presence[1].present.interval.n_types, 0);
  EXPECT_TRUE(presence[1].present.nulls.empty());
}

TEST_F(NullCircuits, AreNotMadeInProtocolPaper) {
  spec_.probe.protocol = Protocol::kPaper;
  const Findings found = probe("class");
  EXPECT_TRUE(found.presence.empty());
  EXPECT_TRUE(found.types.empty());
}

TEST_F(NullCircuits, AreFoundAndChosenAsTheVariablesOwnIs) {
  NullHypothesis null = null_hypothesis(data_, "class", {}, 19);
  null.variables.values = null.types.value.unsqueeze(0);  // A "null variable" that is the variable.
  FindOptions options{.fit = {.epochs = 20, .batch_size = 64, .learning_rate = .1, .l0_weights = {1e-6, 1e-4, 1e-3}},
                      .train_types = types_to_train_on(data_, null)};
  Streams streams(data_.model);
  const ComponentRef component{0, Block::kMlp};
  const auto draws = named_draws(Seed(options.seed), data_.train.trie.n_rows(), data_.test.trie.n_rows(), 20);
  const FoundCircuit own =
      probe_component(data_.model, data_.train, data_.test, "class", component, options, *draws, streams);
  const Circuit as_null = find_null_circuits(data_.model, data_, null, component, options, streams).at(0);
  ASSERT_EQ(own.findings.path.size(), 3u);
  for (size_t m = 0; m < 2; ++m) EXPECT_TRUE(at::equal(own.circuit.members[m], as_null.members[m])) << m;
}

}  // namespace
}  // namespace cprobe
