#include "cprobe/baselines/amnesic.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "cprobe/data/token_csv.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "tests/baselines/planted.h"
#include "tests/baselines/planted_types.h"
#include "tests/shared_folder.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

constexpr int64_t kClasses = 4;
constexpr int64_t kWidth = 40;
constexpr int64_t kInputs = 1600;  // Tokens 8 .. 1607.

/// A model in which the state of every input token is known: variable a in coordinates 0-3, b in
/// coordinates 4-7, and noise in all coordinates. Answers 0-3 read a from the last token's state,
/// answers 4-7 read b. The blocks add nothing.
Model planted_model() {
  const ModelConfig config{.vocab = 2 * kClasses + kInputs,
                           .n_positions = 2,
                           .d_model = kWidth,
                           .n_layers = 1,
                           .n_heads = 2,
                           .n_kv_heads = 2,
                           .d_head = kWidth / 2,
                           .d_mlp = 8,
                           .tied_unembedding = false};
  Model model = random_model(config, Seed(0));
  at::Tensor embedding = 0.7 * at::randn({config.vocab, kWidth}, Seed(1).generator());
  for (int64_t i = 0; i < kInputs; ++i) {
    embedding[2 * kClasses + i][i % kClasses] += 3;
    embedding[2 * kClasses + i][kClasses + i / kClasses % kClasses] += 3;
  }
  const at::Tensor unembedding = at::zeros({config.vocab, kWidth});
  unembedding.narrow(0, 0, 2 * kClasses).fill_diagonal_(1);
  model.weights["embed.token"] = embedding;
  model.weights["unembed"] = unembedding;
  for (const char* name : {"embed.position", "layers.0.attn.out.weight", "layers.0.mlp.out.weight"}) {
    model.weights[name] = at::zeros_like(model.weights[name]);
  }
  return model;
}

/// Rows that end in `n` input tokens from the `first` on, each after one of two other tokens. A row
/// is right if, of the four answers from `first_answer` on, its own has the largest logit. The
/// right answer is a if `first_answer` is 0, otherwise first_answer + b.
Dataset rows_ending_in(int64_t first, int64_t n, int64_t first_answer) {
  testing::TokenRows rows;
  std::vector<int64_t> a, b, answers;
  for (int64_t i = first; i < first + n; ++i) {
    rows.push_back({2 * kClasses + i % 2, 2 * kClasses + i});
    a.push_back(i % kClasses);
    b.push_back(i / kClasses % kClasses);
    answers.push_back(first_answer + (first_answer == 0 ? a : b).back());
  }
  const at::Tensor right = at::tensor(answers, at::kLong);
  const at::Tensor others = first_answer + (right.unsqueeze(1) - first_answer + at::arange(1, kClasses)) % kClasses;
  return {.source = "planted",
          .trie = build_trie(rows),
          .answers = right,
          .contrast = Contrast{right, others},
          .variables = {{"a", at::tensor(a, at::kLong)}, {"b", at::tensor(b, at::kLong)}}};
}

using Figures = std::map<std::string, Metric>;

class AmnesicProbing : public ::testing::Test {
 protected:
  static constexpr Site kMid{1};

  ProbedSet at_site(const Dataset& data, const at::Tensor& labels) const {
    return {data, stream_at(model_, data.trie, kMid), data.trie.nodes_at(-1), labels};
  }
  ProbedSite probed(const std::string& variable) const {
    return {.model = model_,
            .site = kMid,
            .variable = variable,
            .train = at_site(train_, train_.variables.at(variable)),
            .test = at_site(test_, test_.variables.at(variable)),
            .evaluation_sets = {{"A", at_site(test_, test_.variables.at(variable))}, {"B", at_site(other_, {})}}};
  }
  ProbedSite shuffled() const {
    ProbedSite site = probed("a");
    site.train.labels = site.train.labels.index_select(0, at::randperm(800, Seed(5).generator(), at::kLong));
    return site;
  }
  /// The figures by metric. The name of a control follows that of its metric.
  static Figures run(const ProbedSite& site, const std::string& options = "{random_controls: 0}") {
    const Document document = Document::parse_yaml(options, "spec.yaml");
    Figures figures;
    for (const Metric& m : make_amnesic_probing(read_amnesic_options(&document))->run(site, {})) {
      const std::string name = m.control.empty() ? m.metric : m.metric + ", " + m.control;
      EXPECT_TRUE(figures.emplace(name, m).second) << name;
    }
    return figures;
  }

  const Model model_ = planted_model();
  const Dataset train_ = rows_ending_in(0, 800, 0);
  const Dataset test_ = rows_ending_in(800, 800, 0);
  const Dataset other_ = rows_ending_in(800, 800, kClasses);
};

TEST_F(AmnesicProbing, DestroysTheBehaviourThatDependsOnTheVariableAndNoOther) {
  for (const std::string variable : {"a", "b"}) {
    SCOPED_TRACE(variable);
    const Figures figures = run(probed(variable), "{random_controls: 20}");
    const std::string hit = variable == "a" ? "A" : "B", spared = variable == "a" ? "B" : "A";
    EXPECT_EQ(figures.at("erased_directions").value, 3);
    EXPECT_EQ(figures.at("erased_directions").n, kWidth);
    for (const std::string set : {"A", "B"}) EXPECT_GT(figures.at("vanilla_accuracy " + set).value, 0.99);
    const Metric& erased = figures.at("erased_accuracy " + hit);
    EXPECT_LT(erased.value, 0.4);
    EXPECT_EQ(erased.n, 800);
    EXPECT_DOUBLE_EQ(erased.p.value(), 1.0 / 21);
    EXPECT_NEAR(figures.at("erased_accuracy " + spared).value, figures.at("vanilla_accuracy " + spared).value, 0.01);
    EXPECT_GT(figures.at("erased_accuracy " + spared).p.value(), 0.05);
    // Erasing three random directions of 40 changes little.
    const Metric& random = figures.at("erased_accuracy " + hit + ", random");
    EXPECT_GT(random.value, 0.95);
    EXPECT_EQ(random.n, 20);
    EXPECT_GT(random.sd.value(), 0);
  }
}

TEST_F(AmnesicProbing, HarmsMoreThanErasingNullVariablesWhereTheTaskNeedsTheVariable) {
  const std::vector<const Dataset*> sets = {&train_, &test_, &other_};
  for (const std::string variable : {"a", "b"}) {
    SCOPED_TRACE(variable);
    Types types = find_types(sets, variable, {.parts = {int64_t{1}}});
    NullVariables variables = null_variables(types, 19);
    const NullHypothesis null{std::move(types), std::move(variables)};
    ProbedSite site = probed(variable);
    site.null = &null;
    site.train.types = null.types.of_rows[0];
    site.evaluation_sets[0].second.types = null.types.of_rows[1];
    site.evaluation_sets[1].second.types = null.types.of_rows[2];
    const std::vector<Metric> metrics = make_amnesic_probing({.random_controls = 0})->run(site, {});
    const std::string hit = variable == "a" ? "A" : "B", spared = variable == "a" ? "B" : "A";
    const testing::Word harmed = testing::word_of(metrics, "erasure_harm " + hit),
                        unharmed = testing::word_of(metrics, "erasure_harm " + spared);
    EXPECT_EQ(harmed.word, VerdictWord::kYes);
    EXPECT_GT(harmed.figure.value, .6);
    EXPECT_EQ(harmed.figure.interval.n_types, 800) << "each row of the test set has a token of its own";
    EXPECT_LT(spread(harmed.figure.nulls).mean, .1);
    EXPECT_EQ(unharmed.word, VerdictWord::kNo);
    EXPECT_LT(unharmed.figure.value, .05);
    EXPECT_NEAR(testing::value_of(metrics, "erasure_harm " + hit, "most possible"), .75, .02) << "one answer to all";
  }
}

TEST_F(AmnesicProbing, LeavesAProbeNothingToRead) {
  const Figures figures = run(probed("a"));
  EXPECT_GT(figures.at("probe_accuracy_before").value, 0.95);
  EXPECT_EQ(figures.at("probe_accuracy_before").n, 800);
  EXPECT_LT(figures.at("probe_accuracy_after").value, 0.4);
  EXPECT_DOUBLE_EQ(figures.at("probe_accuracy_after, majority").value, 0.25);
}

TEST_F(AmnesicProbing, ChangesLittleWithLabelsThatMeanNothing) {
  const Figures figures = run(shuffled(), "{random_controls: 20}");
  EXPECT_EQ(figures.at("erased_directions").value, 3);
  for (const std::string set : {"A", "B"}) {
    EXPECT_GT(figures.at("erased_accuracy " + set).value, 0.9);
    EXPECT_NEAR(figures.at("erased_accuracy " + set).value, figures.at("erased_accuracy " + set + ", random").value,
                0.1);
  }
}

TEST_F(AmnesicProbing, FitsOnTheTestSetInThePapersProtocolOnly) {
  ProbedSite site = shuffled();
  EXPECT_EQ(run(site).at("erased_accuracy A").note, "");
  site.paper_protocol = true;
  const Figures figures = run(site);
  EXPECT_GT(figures.at("probe_accuracy_before").value, 0.95);
  EXPECT_LT(figures.at("probe_accuracy_after").value, 0.4);
  EXPECT_LT(figures.at("erased_accuracy A").value, 0.4);
  EXPECT_EQ(figures.at("erased_accuracy A").note, "fitted on the test set");
}

TEST_F(AmnesicProbing, SaysWhereNothingOrEverythingIsErased) {
  ProbedSite site = probed("a");
  site.train.labels = at::zeros({800}, at::kLong);
  const Figures none = run(site, "{random_controls: 20}");
  EXPECT_EQ(none.at("erased_directions").value, 0);
  EXPECT_EQ(none.at("erased_accuracy A").note, "nothing to erase");
  EXPECT_EQ(none.at("erased_accuracy A").value, none.at("vanilla_accuracy A").value);
  EXPECT_FALSE(none.at("erased_accuracy A").p.has_value());
  EXPECT_FALSE(none.contains("erased_accuracy A, random"));

  site.train.labels = at::arange(800);  // More classes than dimensions.
  const Figures all = run(site, "{random_controls: 20, probe: {epochs: 1}}");
  EXPECT_EQ(all.at("erased_directions").value, kWidth);
  EXPECT_EQ(all.at("erased_accuracy A").note, "every direction erased");
  EXPECT_FALSE(all.contains("erased_accuracy A, random"));
}

TEST_F(AmnesicProbing, DrawsItsControlsFromTheSeed) {
  ProbedSite site = probed("a");
  const auto random = [&] { return run(site, "{random_controls: 3}").at("erased_accuracy A, random").value; };
  const double before = random();
  EXPECT_EQ(random(), before);
  site.seed = Seed(1);
  EXPECT_NE(random(), before);
}

TEST_F(AmnesicProbing, ErasesWhatCorrelatesMoreThanItsTolerance) {
  // A difference of classes has variance 9 / 4 between them and .49 within: a correlation of .91.
  EXPECT_EQ(run(probed("a"), "{random_controls: 0, tolerance: 0.85}").at("erased_directions").value, 3);
  const Metric none = run(probed("a"), "{random_controls: 0, tolerance: 0.95}").at("erased_directions");
  EXPECT_EQ(none.value, 0);
  EXPECT_EQ(none.note, "nothing to erase");
}

TEST_F(AmnesicProbing, ReadsItsOptions) {
  const auto settings = [](const std::string& options) {
    const Document document = Document::parse_yaml(options, "spec.yaml");
    return make_amnesic_probing(read_amnesic_options(&document))->settings();
  };
  const std::string defaults = make_amnesic_probing(read_amnesic_options(nullptr))->settings();
  EXPECT_EQ(settings("{shrinkage: true, random_controls: 20}"), defaults);
  for (const char* other :
       {"{shrinkage: false}", "{tolerance: 0.1}", "{random_controls: 19}", "{probe: {epochs: 99}}"}) {
    EXPECT_NE(settings(other), defaults) << other;
  }
  EXPECT_INPUT_ERROR(settings("{random_controls: -1}"), "spec.yaml:1:");
  EXPECT_INPUT_ERROR(settings("{shrinkage: 2}"), "spec.yaml:1:");
  EXPECT_INPUT_ERROR(settings("{random_control: 2}"), "random_controls");
  EXPECT_INPUT_ERROR(settings("{tolerance: 1}"), "expected a correlation below 1");
}

TEST_F(AmnesicProbing, HoldsOutStatesOfTheProbeInThePapersProtocolToo) {
  ProbedSite site = probed("a");
  site.paper_protocol = true;
  // A step takes all states that are not held out.
  const Figures figures = run(site, "{random_controls: 0, probe: {epochs: 20, dev_fraction: 0.25}}");
  EXPECT_GT(figures.at("probe_accuracy_before").value, 0.9);
}

TEST_F(AmnesicProbing, TellsHowFarItIs) {
  std::vector<double> shares;
  make_amnesic_probing({.random_controls = 2})->run(probed("a"), [&](const Progress& progress) {
    shares.push_back(progress.share());
  });
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_GT(shares.front(), 0);
  EXPECT_DOUBLE_EQ(shares.back(), 1);
}

// The recorded figures are the output of tests/python/erase_with_leace.py on the recorded model
// (torch 2.0.1, transformers 4.46): concept-erasure 0.2.4, fitted in float32 on the test set, as in
// the reference.
TEST(AmnesicProbingOfExperiment1, EqualsTheReferenceInThePapersProtocol) {
  const std::filesystem::path checkpoint = testing::shared_folder() / "golden/exp1/checkpoint";
  const std::filesystem::path csv = testing::shared_folder() / "paper_data/Disambiguation/test.csv";
  for (const std::filesystem::path& needed : {checkpoint, csv}) {
    if (!std::filesystem::exists(needed)) GTEST_SKIP() << testing::not_shared(needed);
  }
  const Model model = load_model(checkpoint);
  const Dataset data = load_token_csv(csv, model.config.vocab);
  const AmnesicOptions options{.random_controls = 0, .probe = {.epochs = 1}};
  struct Recorded {
    Block block;
    const char* variable;
    int64_t directions;
    double accuracy;
  };
  for (const Recorded& recorded :
       {Recorded{Block::kAttention, "var_0", 56, .0119}, Recorded{Block::kAttention, "var_1", 56, .0119},
        Recorded{Block::kAttention, "aux_0", 43, .2296}, Recorded{Block::kAttention, "aux_1", 44, .1987},
        Recorded{Block::kMlp, "var_0", 47, .9982}, Recorded{Block::kMlp, "aux_0", 40, .9101}}) {
    SCOPED_TRACE(fmt::format("{} {}", to_string(recorded.block), recorded.variable));
    const Site site = Site::after({0, recorded.block});
    const ProbedSet set{data, stream_at(model, data.trie, site), data.trie.nodes_at(2),
                        data.variables.at(recorded.variable)};
    const ProbedSite probed{.model = model,
                            .site = site,
                            .position = 2,
                            .variable = recorded.variable,
                            .train = set,
                            .test = set,
                            .evaluation_sets = {{"Test", set}},
                            .paper_protocol = true};
    const std::vector<Metric> metrics = make_amnesic_probing(options)->run(probed, {});
    EXPECT_EQ(metrics.front().value, static_cast<double>(recorded.directions));
    // cprobe erases in float64. The tolerance lets two of the 5,108 rows differ.
    EXPECT_NEAR(metrics.back().value, recorded.accuracy, 0.0005);
  }
}

}  // namespace
}  // namespace cprobe
