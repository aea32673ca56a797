#include "cprobe/plant/truth.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cprobe/io/atomic_file.h"
#include "cprobe/plant/compiled.h"
#include "cprobe/plant/planted_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

class PlantedModel : public ::testing::Test {
 protected:
  PlantedModel() {
    write_planted(compile_model({.n_operands = 7, .n_classes = 3, .component = ComponentRef{1, Block::kMlp}}, Seed(2)),
                  folder_.path());
    config_ = read_model_config(folder_ / "config.json");
    truth_ = load_truth(folder_ / kTruthFile, config_);
  }

  /// Writes the truth with a change, and tests it.
  void check(Truth changed) {
    save_truth(changed, config_, folder_ / kTruthFile);
    check_planted(folder_.path());
  }

  testing::TemporaryFolder folder_;
  ModelConfig config_;
  Truth truth_;
};

TEST_F(PlantedModel, ReadsAsItWasWritten) {
  const std::string text = testing::read_bytes(folder_ / kTruthFile);
  save_truth(truth_, config_, folder_ / "again.json");
  EXPECT_EQ(testing::read_bytes(folder_ / "again.json"), text);
  EXPECT_EQ(truth_.variable("v").status, PlantedStatus::kUsed);
  EXPECT_EQ(truth_.variable("u1").status, PlantedStatus::kIdle);
  EXPECT_EQ(truth_.variable("merged").component, (ComponentRef{0, Block::kAttention}));
  EXPECT_EQ(truth_.variable("table_1").component, std::nullopt);
}

TEST_F(PlantedModel, IsTheSameBytesForTheSameSeed) {
  const testing::TemporaryFolder again;
  write_planted(compile_model({.n_operands = 7, .n_classes = 3, .component = ComponentRef{1, Block::kMlp}}, Seed(2)),
                again.path());
  for (const char* file : {"model.safetensors", "train.csv", "test.csv", "truth.json", "config.json"}) {
    EXPECT_EQ(testing::read_bytes(folder_ / file), testing::read_bytes(again / file)) << file;
  }
}

TEST_F(PlantedModel, HasUnitsThatMatterAndOthersThatDoNot) {
  const PlantedUnits& hidden = truth_.variable("v").matrices.front();
  ASSERT_EQ(hidden.importance.size(), static_cast<size_t>(config_.d_mlp));
  const auto mean = [&](const std::vector<int64_t>& units) {
    double sum = 0;
    for (const int64_t unit : units) sum += hidden.importance[static_cast<size_t>(unit)];
    return sum / static_cast<double>(units.size());
  };
  // Each row needs one unit of 49, and a donor another.
  EXPECT_GT(mean(hidden.units), .02);
  EXPECT_LT(mean(hidden.other), .002);
  EXPECT_LT(mean(hidden.dead), .002);
}

TEST_F(PlantedModel, WithOneListExchangedForAnotherIsRefused) {
  Truth changed = truth_;
  std::swap(changed.variables[0].matrices[0].units, changed.variables[0].matrices[0].other);
  EXPECT_INPUT_ERROR(check(changed), "the truth about 'v' in L1.mlp does not hold");
}

TEST_F(PlantedModel, WithHalfOfTheUnitsIsRefused) {
  Truth changed = truth_;
  PlantedUnits& hidden = changed.variables[0].matrices[0];
  const auto half = static_cast<std::ptrdiff_t>(hidden.units.size() / 2);
  hidden.dead.insert(hidden.dead.end(), hidden.units.begin() + half, hidden.units.end());
  hidden.units.resize(static_cast<size_t>(half));
  EXPECT_INPUT_ERROR(check(changed), "exchanging its units moves it");
}

TEST_F(PlantedModel, WithUnitsInTwoListsOrInNoneCannotBeRead) {
  Truth changed = truth_;
  changed.variables[0].matrices[0].dead.push_back(changed.variables[0].matrices[0].units[0]);
  EXPECT_INPUT_ERROR(check(changed), "stands in two lists");
  changed = truth_;
  changed.variables[0].matrices[0].units.pop_back();
  EXPECT_INPUT_ERROR(check(changed), "stands in no list");
}

TEST_F(PlantedModel, WhoseAnswersAreOthersIsRefused) {
  std::string csv = testing::read_bytes(folder_ / "test.csv");
  const testing::TemporaryFolder other;
  write_planted(compile_model({.n_operands = 7, .n_classes = 3, .component = ComponentRef{1, Block::kMlp}}, Seed(3)),
                other.path());
  write_file(folder_ / "train.csv", testing::read_bytes(other / "train.csv"));
  EXPECT_INPUT_ERROR(check_planted(folder_.path()), "of the rows right");
}

TEST(CompileModel, NamesTheKnobThatDoesNotFit) {
  const auto refuses = [](const CompiledOptions& options, const char* words) {
    EXPECT_INPUT_ERROR(compile_model(options, Seed(0)), words);
  };
  const ComponentRef attention{0, Block::kAttention}, last{1, Block::kMlp};
  refuses({.n_operands = 3}, "'operands'");
  refuses({.n_classes = 1}, "'classes'");
  refuses({.n_classes = 9, .component = attention}, "at least two operands for each class");
  refuses({.n_layers = 0, .component = last}, "'layers'");
  refuses({.component = ComponentRef{5, Block::kMlp}}, "no such layer");
  refuses({.component = last, .gain = 0}, "'gain'");
  refuses({.component = last, .n_distractors = -1}, "'distractors'");
  refuses({.component = last, .n_distractors = 0, .overlap = .5}, "'overlap'");
  refuses({.n_operands = 17, .component = attention, .redundancy = 2}, "'redundancy'");
  refuses({.component = last, .rotation = 1}, "'rotation'");
  refuses({.component = last, .noise = -1}, "'noise'");
  refuses({.component = last, .dead = 1}, "'dead'");
  refuses({.component = last, .context = -1}, "'context'");
  refuses({.component = last, .n_distractors = 0, .answer = PlantedAnswer::kOther}, "'answer'");
  refuses({.component = last, .answer = PlantedAnswer::kCombined}, "'answer'");
}

}  // namespace
}  // namespace cprobe
