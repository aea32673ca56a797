// Tests of cprobe.h, the library on one page.

#include "cprobe/cprobe.h"
#include "cprobe/probe/probe_cell.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

constexpr ComponentRef kProbedBlock{0, Block::kAttention};

/// A model and two data sets, read from files as users read them.
class Library : public ::testing::Test {
 protected:
  Library() {
    save_model(testing::drawn_model(testing::tiny_config()), folder_ / "model");
    model_ = load_model(folder_ / "model");
    train_ = rows("train.csv", 40);
    test_ = rows("test.csv", 25);
  }

  Dataset rows(const char* name, int n) const {
    std::string text = "data,labels,x,one\n";
    for (int i = 0; i < n; ++i) text += fmt::format("{} {} 12,{},{},1\n", i % 4, i / 4, i % 5, i % 4);
    testing::write_bytes(folder_ / name, text);
    return load_token_csv(folder_ / name, model_.config.vocab);
  }

  FoundCircuit find(const OnProgress& on_progress = {}) const {
    return find_circuit(model_, train_, test_, "x", kProbedBlock, options_, on_progress);
  }

  const testing::TemporaryFolder folder_;
  Model model_;
  Dataset train_, test_;
  FindOptions options_{.fit = {.epochs = 3, .batch_size = 10, .learning_rate = 0.05}, .exemplar_draws = 2, .seed = 7};
};

TEST_F(Library, FindsAndAblatesWhatACellOfARunDoes) {
  const FoundCircuit found = find();
  const Findings::OnEvaluationSet ablated = ablate(model_, found.circuit, train_, test_, {.n_random = 3}, 7);

  Spec spec;
  spec.probe.fit = options_.fit;
  spec.probe.exemplar_draws = options_.exemplar_draws;
  spec.probe.ablation = {.n_random = 3};
  spec.probe.null_variables = 0;
  const Cell cell{.variable = "x", .component = kProbedBlock, .seed = 7, .learning_rate = 0.05, .batch_size = 10};
  const RunData data{.model = model_,
                     .train = train_,
                     .test = test_,
                     .evaluation_sets = {{"Test", test_}},
                     .fingerprints = {fingerprint(model_)}};
  Streams streams(model_);
  const FoundCircuit expected = probe_cell(spec, cell, "some cell", data, streams);

  Findings all = found.findings;
  all.evaluation_sets = {ablated};
  // A run knows of types, and compares with null circuits, of which it has none here.
  Findings comparable = expected.findings;
  comparable.types.clear();
  comparable.presence.clear();
  for (AblationResult& ablation : comparable.evaluation_sets.at(0).ablations) ablation.harm.reset();
  for (AblationResult& ablation : all.evaluation_sets.at(0).ablations) ablation.harm.reset();
  EXPECT_EQ(all, comparable);
  ASSERT_EQ(found.curve.size(), 3u);
  for (size_t e = 0; e < 3; ++e) EXPECT_EQ(found.curve[e].loss, expected.curve[e].loss) << "epoch " << e;
  for (size_t i = 0; i < found.circuit.members.size(); ++i) {
    EXPECT_TRUE(at::equal(found.circuit.members[i], expected.circuit.members[i])) << i;
  }
  for (const auto& [key, value] : found.circuit.provenance)
    EXPECT_EQ(value, expected.circuit.provenance.at(key)) << key;
}

TEST_F(Library, SavesACircuitThatItsModelLoads) {
  const FoundCircuit found = find();
  save_circuit(found.circuit, folder_ / "x.safetensors");
  const Circuit loaded = load_circuit(folder_ / "x.safetensors", model_.config);
  EXPECT_EQ(loaded.n_units(), found.circuit.n_units());
  EXPECT_EQ(loaded.provenance.at("variable"), "x");
  EXPECT_EQ(loaded.provenance.at("model_fingerprint"), fingerprint(model_));
}

TEST_F(Library, TellsOfItsProgressAndPrintsNothing) {
  std::vector<Progress> told;
  const OnProgress on_progress = [&](const Progress& progress) { told.push_back(progress); };
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const FoundCircuit found = find(on_progress);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].what, "mask training");
  EXPECT_EQ(told[2].share(), 1);
  ablate(model_, found.circuit, train_, test_, {.n_random = 2}, 0, on_progress);
  EXPECT_EQ(told.back().what, "ablations");
  EXPECT_EQ(::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr(), "");
}

TEST_F(Library, RefusesWhatItCannotProbe) {
  const auto find_in = [&](const char* variable, const ComponentRef& component) {
    find_circuit(model_, train_, test_, variable, component, options_);
  };
  EXPECT_INPUT_ERROR(find_in("z", kProbedBlock), "no variable 'z'");
  EXPECT_INPUT_ERROR(find_in("one", kProbedBlock), "variable 'one': decoding needs at least 2 classes");
  EXPECT_INPUT_ERROR(find_in("x", {9, Block::kMlp}), "L9.mlp: the model has layers 0 to 1");
  ModelConfig other = testing::tiny_config();
  other.d_mlp *= 2;
  const Model wider = testing::drawn_model(other);
  const Circuit circuit = find_circuit(wider, train_, test_, "x", {0, Block::kMlp}, options_).circuit;
  EXPECT_INPUT_ERROR(ablate(model_, circuit, train_, test_), "was the circuit found in another model?");
}

}  // namespace
}  // namespace cprobe
