#include "cprobe/baselines/transfer.h"

#include "cprobe/core/seed.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/data/token_trie.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/training/trainer.h"
#include "tests/shared_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kModulus = 11;

/// Rows `a b =`, two thirds of them for training. The variable is a^2 mod 11, and the answer is
/// 3 a^2 + 1 mod 11, which tells a^2: a model that computes the answer has the variable.
struct Squares {
  Dataset train, test;

  Squares() {
    for (const bool for_test : {false, true}) {
      std::vector<std::vector<int64_t>> rows;
      std::vector<int64_t> answers, squares;
      for (int64_t a = 0; a < kModulus; ++a) {
        for (int64_t b = 0; b < kModulus; ++b) {
          if (((a + b) % 3 == 0) != for_test) continue;
          rows.push_back({a, b, kModulus});
          squares.push_back(a * a % kModulus);
          answers.push_back((3 * squares.back() + 1) % kModulus);
        }
      }
      Dataset& set = for_test ? test : train;
      set = {.source = for_test ? "test.csv" : "train.csv", .trie = build_trie(rows), .answers = at::tensor(answers)};
      set.variables["a^2"] = at::tensor(squares);
    }
  }
};

/// A small model trained on the answers, until all test rows are answered right.
Model trained_on(const Squares& squares) {
  ModelConfig config = toy_config(kModulus + 1, 3);
  config.d_model = 32;
  config.d_head = 8;
  config.d_mlp = 64;
  return train_in_memory(random_model(config, Seed(1)), squares.train, squares.test,
                         {.steps = 2000, .evaluate_every = 10},
                         [](const CurvePoint& point) { return point.test_accuracy < 1; });
}

std::vector<Metric> transfer_to(const at::Tensor& train_labels, const at::Tensor& test_labels, const Squares& squares,
                                const Model& model, const TransferOptions& options,
                                const OnProgress& on_progress = {}) {
  const ProbedSite probed{.model = model,
                          .site = Site::start(),
                          .variable = "a^2",
                          .train = {.data = squares.train, .labels = train_labels},
                          .test = {.data = squares.test, .labels = test_labels},
                          .seed = Seed(4)};
  return make_transfer(options)->run(probed, on_progress);
}

constexpr TransferOptions kShort = {.steps = 300, .area_steps = 40, .scratch_seeds = 3};

class TransferTest : public ::testing::Test {
 protected:
  std::vector<Metric> transferred(const TransferOptions& options = kShort) const {
    return transfer_to(squares_.train.variables.at("a^2"), squares_.test.variables.at("a^2"), squares_, model(),
                       options);
  }

  /// The trained model; trained once for all tests.
  static const Model& model() {
    static const Model trained = trained_on(Squares());
    return trained;
  }

  const Squares squares_;
};

TEST_F(TransferTest, IsFasterThanFromScratchToAVariableTheModelComputes) {
  const std::vector<Metric> found = transferred();
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].metric, "steps_to_accuracy");
  EXPECT_EQ(found[1].metric, "steps_to_accuracy");
  EXPECT_EQ(found[1].control, "from scratch");
  EXPECT_EQ(found[1].n, 3);
  EXPECT_LT(found[0].value, found[1].value - 3 * found[1].sd.value()) << found[1].value << " ± " << *found[1].sd;
  EXPECT_LT(found[0].value, 30);
  EXPECT_EQ(found[0].note + found[1].note, "") << "all learned it";
  EXPECT_EQ(found[2].metric, "learning_curve_area");
  EXPECT_GT(found[2].value, found[3].value + 3 * found[3].sd.value()) << found[3].value << " ± " << *found[3].sd;
  EXPECT_LE(found[2].value, 1);
}

TEST_F(TransferTest, NeverReachesShuffledLabelsAndSaysSo) {
  const auto shuffled = [](const at::Tensor& labels, const char* name) {
    return labels.index_select(0, at::randperm(labels.size(0), Seed(2).derive(name).generator(), at::kLong));
  };
  TransferOptions options = kShort;
  options.scratch_seeds = 1;
  const std::vector<Metric> found =
      transfer_to(shuffled(squares_.train.variables.at("a^2"), "train"),
                  shuffled(squares_.test.variables.at("a^2"), "test"), squares_, model(), options);
  EXPECT_EQ(found[0].value, 300) << "censored";
  EXPECT_THAT(found[0].note, HasSubstr("test accuracy 0.9 not reached in 300 steps; best 0."));
  EXPECT_EQ(found[1].value, 300);
  EXPECT_THAT(found[1].note, HasSubstr("not reached in 300 steps by 1 of 1, which count as 300; best 0."));
  EXPECT_LT(found[2].value, .5);
}

TEST_F(TransferTest, GivesTheSameFiguresForTheSameSeed) {
  const TransferOptions options{.steps = 60, .area_steps = 10, .scratch_seeds = 2};
  const std::vector<Metric> first = transferred(options), second = transferred(options);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].value, second[i].value) << first[i].metric;
    EXPECT_EQ(first[i].sd, second[i].sd) << first[i].metric;
    EXPECT_EQ(first[i].note, second[i].note) << first[i].metric;
  }
}

TEST_F(TransferTest, LeavesTheModelAsItIsAndTellsHowFarItIs) {
  const std::string before = fingerprint(model());
  std::vector<double> shares;
  transfer_to(squares_.train.variables.at("a^2"), squares_.test.variables.at("a^2"), squares_, model(),
              {.steps = 20, .area_steps = 20, .scratch_seeds = 1},
              [&](const Progress& progress) { shares.push_back(progress.share()); });
  EXPECT_EQ(fingerprint(model()), before);
  ASSERT_EQ(shares.size(), 2u * 21);
  EXPECT_EQ(shares.front(), 0);
  EXPECT_EQ(shares[20], .5);
  EXPECT_EQ(shares.back(), 1);
}

TEST_F(TransferTest, RefusesValuesThatAreNoTokens) {
  const at::Tensor& train = squares_.train.variables.at("a^2");
  const at::Tensor& test = squares_.test.variables.at("a^2");
  at::Tensor large = test.clone();
  large[6] = 12;
  EXPECT_INPUT_ERROR(transfer_to(train, large, squares_, model(), kShort),
                     "test.csv: variable 'a^2' is 12 in data row 7, which is no token of the model (0 to 11)");
  EXPECT_INPUT_ERROR(transfer_to(train - 1, test, squares_, model(), kShort), "train.csv: variable 'a^2' is -1");
  EXPECT_INPUT_ERROR(transfer_to(train, {}, squares_, model(), kShort), "test.csv: no variable 'a^2'");
}

/// The reference's model of a^2 - b^2. In the paper, test accuracy on a^2 reaches .9 at step 3, and
/// from scratch at step 10.
TEST(TransferOfThePapersModel, ReachesTheSquareInAFewSteps) {
  const std::filesystem::path folder = testing::shared_folder() / "golden/exp1/checkpoint",
                              csvs = testing::shared_folder() / "paper_data/Disambiguation";
  for (const std::filesystem::path& needed : {folder, csvs})
    if (!std::filesystem::exists(needed)) GTEST_SKIP() << testing::not_shared(needed);
  const Model model = load_model(folder);
  const Dataset train = load_token_csv(csvs / "train.csv", model.config.vocab);
  const Dataset test = load_token_csv(csvs / "test.csv", model.config.vocab);
  const ProbedSite probed{.model = model,
                          .site = Site::start(),
                          .variable = "var_0",
                          .train = {.data = train, .labels = train.variables.at("var_0")},
                          .test = {.data = test, .labels = test.variables.at("var_0")},
                          .seed = Seed(0)};
  const std::vector<Metric> found = make_transfer({.steps = 12, .area_steps = 12, .scratch_seeds = 1})->run(probed, {});
  EXPECT_LE(found[0].value, 5);
  EXPECT_GT(found[1].value, found[0].value + 2);
  EXPECT_GT(found[2].value, found[3].value);
}

TEST(TransferOptions, AreReadAndChecked) {
  const auto made = [](const std::string& yaml) {
    const Document options = Document::parse_yaml(yaml, "spec.yaml");
    return make_transfer(read_transfer_options(&options))->settings();
  };
  EXPECT_EQ(make_transfer({})->settings(), "steps 500, area_steps 100, threshold 0.9, scratch_seeds 3");
  EXPECT_EQ(made("{steps: 50, area_steps: 20, threshold: .5, scratch_seeds: 1}"),
            "steps 50, area_steps 20, threshold 0.5, scratch_seeds 1");
  EXPECT_INPUT_ERROR(made("{step: 50}"), "spec.yaml:1:2");
  EXPECT_INPUT_ERROR(made("{steps: 0}"), "steps: expected a whole number of at least 1, found 0");
  EXPECT_INPUT_ERROR(made("{threshold: 1.5}"), "threshold: expected at most 1, found 1.5");
  EXPECT_INPUT_ERROR(made("{steps: 50}"), "area_steps, 100, must not exceed steps, 50");
}

}  // namespace
}  // namespace cprobe
