#include "cprobe/plant/trained.h"

#include <ATen/ATen.h>

#include <numeric>

#include "cprobe/data/token_csv.h"
#include "cprobe/evaluate/exchange_bench.h"
#include "cprobe/evaluate/interchange.h"
#include "cprobe/plant/planted_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// One that trains in seconds.
TrainedOptions small_options() {
  return {.n_operands = 6, .n_classes = 3, .n_layers = 1, .share = 0.25};
}

/// A trained model in a folder, made once.
class TrainedModel : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    write_planted(train_planted(small_options(), Seed(1)), folder_->path());
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static const std::filesystem::path& folder() { return folder_->path(); }
  static Model model() { return load_model(folder()); }
  static Truth truth() { return load_truth(folder() / kTruthFile, model().config); }

  /// Tests a truth other than the folder's own.
  static std::vector<PlantedExchange> check_other(const Truth& other) {
    const testing::TemporaryFolder copy;
    std::filesystem::copy(folder(), copy.path(), std::filesystem::copy_options::recursive);
    save_truth(other, model().config, copy / kTruthFile);
    return check_planted(copy.path());
  }

 private:
  static std::unique_ptr<testing::TemporaryFolder> folder_;
};
std::unique_ptr<testing::TemporaryFolder> TrainedModel::folder_;

std::vector<std::vector<int64_t>> tokens_of(const TokenTrie& trie) {
  std::vector<std::vector<int64_t>> rows;
  for (int64_t r = 0; r < trie.n_rows(); ++r) {
    std::vector<int64_t>& row = rows.emplace_back();
    for (const int64_t node : trie.row(r)) row.push_back(trie.token[node].item<int64_t>());
  }
  return rows;
}

double mean_of(const std::vector<double>& importance, const std::vector<int64_t>& units) {
  const auto add = [&](double sum, int64_t unit) { return sum + importance[static_cast<size_t>(unit)]; };
  return std::accumulate(units.begin(), units.end(), 0.0, add) / static_cast<double>(units.size());
}

TEST_F(TrainedModel, HoldsItsTruth) {
  const std::vector<PlantedExchange> found = check_planted(folder());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].variable, "v");
  EXPECT_TRUE(found[0].is_by_answers);
  EXPECT_GE(found[0].by_units, 0.95);
  EXPECT_LE(found[0].by_others, 0.05);
}

TEST_F(TrainedModel, MarksTheShareOfEveryMatrix) {
  const PlantedVariable v = truth().variable("v");
  ASSERT_EQ(v.matrices.size(), 2u);
  EXPECT_EQ(v.matrices[0].units.size(), 64u);
  EXPECT_EQ(v.matrices[0].other.size(), 192u);
  EXPECT_EQ(v.matrices[1].units.size(), 16u);
  EXPECT_EQ(v.matrices[1].other.size(), 48u);
  EXPECT_FALSE(v.code.defined());
}

TEST_F(TrainedModel, FollowsItsUnitsInTheExchangesThatRunsMake) {
  const Model planted = model();
  const Dataset test = load_token_csv(folder() / "test.csv", planted.config.vocab);
  const PlantedVariable v = truth().variable("v");
  const at::Tensor& counterfactuals = require_answers(test, "v");
  const ExchangeBench bench(
      planted, *v.component, MaskUnit::kNeuron,
      {.base = tokens_of(test.trie), .donor = tokens_of(test.counterfactuals->sources), .answers = test.answers});
  const std::vector<at::Tensor> units = needed_units(v, planted.config);
  EXPECT_GE(bench.untouched().accuracy(), 0.99);
  EXPECT_GE(share_of_rows(bench.through(units).answer.eq(counterfactuals)), 0.95);
  EXPECT_GE(bench.around(units).accuracy(), 0.95);
  EXPECT_LE(bench.whole().accuracy(), 0.6);  // A third of the sources have the row's own value.
}

TEST_F(TrainedModel, HasItsImportantUnitsAmongThose) {
  const PlantedVariable v = truth().variable("v");
  for (const PlantedUnits& matrix : v.matrices) {
    EXPECT_GT(mean_of(matrix.importance, matrix.units), 10 * mean_of(matrix.importance, matrix.other));
  }
}

TEST_F(TrainedModel, IsTheSameForOneSeed) {
  const testing::TemporaryFolder again;
  write_planted(train_planted(small_options(), Seed(1)), again.path());
  for (const char* file : {"model.safetensors", "config.json", "train.csv", "test.csv", "truth.json"}) {
    EXPECT_EQ(testing::read_bytes(folder() / file), testing::read_bytes(again / file)) << file;
  }
}

TEST_F(TrainedModel, RefusesATruthOfOtherUnits) {
  Truth wrong = truth();
  for (PlantedUnits& matrix : wrong.variables[0].matrices) {
    matrix.units.swap(matrix.other);
    const auto n = static_cast<int64_t>(matrix.units.size()) / 3;
    matrix.other.insert(matrix.other.end(), matrix.units.begin() + n, matrix.units.end());
    matrix.units.resize(static_cast<size_t>(n));
    std::ranges::sort(matrix.other);
  }
  EXPECT_INPUT_ERROR(check_other(wrong), "the truth about 'v' in L0.mlp does not hold");
}

TEST_F(TrainedModel, RefusesATruthThatLeavesUnitsOut) {
  Truth wrong = truth();
  PlantedUnits& update = wrong.variables[0].matrices.back();
  update.other.insert(update.other.end(), update.units.begin() + 4, update.units.end());
  update.units.resize(4);
  std::ranges::sort(update.other);
  EXPECT_INPUT_ERROR(check_other(wrong), "the truth about 'v' in L0.mlp does not hold");
}

TEST_F(TrainedModel, RefusesAnIdleVariableWithoutACode) {
  Truth idle = truth();
  idle.variables[0].status = PlantedStatus::kIdle;
  EXPECT_INPUT_ERROR(check_other(idle), "an idle variable needs a code");
}

TEST(TrainedModelOfTwoLayers, CombinesVWithAnotherVariable) {
  const testing::TemporaryFolder folder;
  TrainedOptions options = small_options();
  options.n_classes = 4;
  options.n_layers = 2;
  options.context = 0;
  options.answer = PlantedAnswer::kCombined;
  int64_t n_told = 0;
  options.on_progress = [&n_told](const Progress&) { ++n_told; };
  write_planted(train_planted(options, Seed(1)), folder.path());
  EXPECT_GE(n_told, 100);
  const Truth truth = load_truth(folder / kTruthFile, load_model(folder.path()).config);
  EXPECT_EQ(truth.variable("v").received_by, (std::vector<ComponentRef>{{1, Block::kAttention}, {1, Block::kMlp}}));
  EXPECT_EQ(truth.variable("merged").status, PlantedStatus::kCopied);
  EXPECT_THROW(truth.variable("u1"), Error);
  EXPECT_GE(check_planted(folder.path())[0].by_units, 0.95);
}

TEST(TrainedModelKnobs, AreRefusedByName) {
  const auto refuses = [](auto TrainedOptions::*knob, auto value, const char* message) {
    TrainedOptions options = small_options();
    options.*knob = value;
    EXPECT_INPUT_ERROR(train_planted(options, Seed(1)), message);
  };
  refuses(&TrainedOptions::n_operands, 3, "knob 'operands'");
  refuses(&TrainedOptions::n_classes, 1, "knob 'classes'");
  refuses(&TrainedOptions::n_classes, 19, "knob 'classes'");
  refuses(&TrainedOptions::n_layers, 3, "knob 'layers'");
  refuses(&TrainedOptions::component, ComponentRef{0, Block::kAttention}, "knob 'component'");
  refuses(&TrainedOptions::component, ComponentRef{1, Block::kMlp}, "knob 'component'");
  refuses(&TrainedOptions::share, 0.01, "knob 'share'");
  refuses(&TrainedOptions::context, -1, "knob 'context'");
  refuses(&TrainedOptions::answer, PlantedAnswer::kOther, "knob 'answer'");
  refuses(&TrainedOptions::answer, PlantedAnswer::kCombined, "needs 2 layers");
  refuses(&TrainedOptions::steps, 4001, "knob 'steps'");
}

TEST(TrainedModelKnobs, TooFewStepsFailWithTheFigures) {
  TrainedOptions options = small_options();
  options.steps = 2;
  EXPECT_FAILED_ERROR(train_planted(options, Seed(1)), "not accepted after 2 steps: accuracy 0.");
}

}  // namespace
}  // namespace cprobe
