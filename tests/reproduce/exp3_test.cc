#include "cprobe/io/csv.h"
#include "cprobe/reproduce/exp3_table.h"
#include "cprobe/reproduce/reproduce.h"
#include "tests/made_cell.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The task of Experiment 3 in small: 559 training rows, one batch per epoch.
ArithmeticTask small_exp3_task() {
  return parse_arithmetic_task(
      Document::parse_yaml("name: small\nmodulus: 41\noperands: [a, b]\ntokens: [a, b, 41]\nanswer: (a^2 + b) % p\n"
                           "variables: {var_0: a^2 % p, var_1: b}\nauxiliaries: {aux_0: b^2 % p}\n"
                           "train_fraction: 0.333\n",
                           "small.yaml"));
}

TEST(ReproduceExperiment3, KeepsFinishedCheckpointsAndRefusesOtherOptions) {
  const testing::TemporaryFolder folder;
  ToyExperimentOptions options{.common = {.out = folder / "exp3", .n_random = 0, .n_nulls = 0, .n_threads = 1},
                               .steps = 101};
  const std::string table = reproduce_experiment3(small_exp3_task(), options);
  EXPECT_THAT(table, HasSubstr("(0.314)")) << "published for step 100";
  EXPECT_THAT(table, HasSubstr("not by step 101"));
  EXPECT_EQ(testing::read_bytes(folder / "exp3/table.txt"), table);
  const CsvTable curve = CsvTable::read(folder / "exp3/emergence.csv");
  EXPECT_THAT(curve.integers("step"), ElementsAre(100, 101)) << "a step of the paper's, and the last";
  EXPECT_TRUE(curve.has_column("aux_0_mlp_ablated"));

  const std::filesystem::path probes = folder / "exp3/seed_0/probes";
  const auto found = std::filesystem::last_write_time(probes / "step_100/circuits/circuits");
  std::filesystem::remove_all(probes / "step_101");
  EXPECT_EQ(reproduce_experiment3(small_exp3_task(), options), table);
  EXPECT_EQ(std::filesystem::last_write_time(probes / "step_100/circuits/circuits"), found)
      << "finished circuits are kept";

  options.common.n_random = 1;
  EXPECT_EQ(reproduce_experiment3(small_exp3_task(), options), table) << "which shows no random circuits";
  options.steps = 102;
  EXPECT_INPUT_ERROR(reproduce_experiment3(small_exp3_task(), options), "steps: 101 there, 102 now");
}

TEST(ReproduceExperiment3, FollowsDasBesideTheCircuits) {
  const testing::TemporaryFolder folder;
  ToyExperimentOptions options{.common = {.out = folder / "exp3", .n_random = 0, .n_nulls = 0, .n_threads = 1},
                               .steps = 2};
  ArithmeticTask task = small_exp3_task();
  task.counterfactuals = {"counter_var_0 var_1 +"};
  const std::string circuits_only = reproduce_experiment3(task, options);
  options.common.baselines = true;
  const std::string table = reproduce_experiment3(task, options);
  EXPECT_THAT(table, HasSubstr("DAS"));
  EXPECT_NE(table, circuits_only);
  const CsvTable curve = CsvTable::read(folder / "exp3/emergence.csv");
  for (const char* column : {"var_0_mid_das", "var_0_post_das"}) {
    const double accuracy = std::stod(curve.text(column).at(0));
    EXPECT_TRUE(accuracy >= 0 && accuracy < 0.3) << column << ": two steps teach nothing, found " << accuracy;
  }
  const std::filesystem::path baselines = folder / "exp3/seed_0/probes/step_2/baselines";
  const std::string figures = testing::read_bytes(baselines / "metrics.csv");
  EXPECT_EQ(reproduce_experiment3(task, options), table);
  EXPECT_EQ(testing::read_bytes(baselines / "metrics.csv"), figures);
  options.common.overwrite = true;
  options.common.baselines = false;
  options.steps = 3;
  reproduce_experiment3(task, options);
  options.common.overwrite = false;
  options.common.baselines = true;
  EXPECT_THAT(reproduce_experiment3(task, options), HasSubstr("DAS"))
      << "figures of the other model do not stand in the way";
}

ProbedCell cell(const char* variable, Block block, double knn, Extent extent = Extent::kPart) {
  ProbedCell made = testing::made_cell(variable, {0, block}, knn, extent);
  testing::add_ablation(made, "Test", 1, .25);
  return made;
}

EmergenceCheckpoint checkpoint(int64_t step, double knn) {
  return {step,
          {cell("var_0", Block::kAttention, knn), cell("var_0", Block::kMlp, .3), cell("aux_0", Block::kAttention, .55),
           cell("aux_0", Block::kMlp, .1, Extent::kEmpty)}};
}

TEST(Experiment3Table, SaysHowLongBeforeTheModelItsCircuitIsThere) {
  const Emergence run{.seed = 4,
                      .test_accuracy = {{8'000, .2}, {9'000, .3}, {16'100, .9}, {20'000, 1}},
                      .checkpoints = {checkpoint(8'000, 0.8), checkpoint(9'000, 0.9), checkpoint(20'000, 1)}};
  const std::string text = experiment3_table({run});
  EXPECT_THAT(text,
              HasSubstr("Seed 4: kNN of a^2 from its attention circuit reaches 0.9 at step 9000, test accuracy at "
                        "step 16100: 7100 steps later."));
  EXPECT_THAT(text, ContainsRegex("\n9000 +0.300 +\\(0.294\\) +0.900 +\\(0.919\\) +0.500 +0.250"));
}

TEST(Experiment3Table, SaysWhatIsNotReached) {
  Emergence run{.test_accuracy = {{100, .2}, {200, .3}}, .checkpoints = {checkpoint(100, 0.8)}};
  EXPECT_THAT(experiment3_table({run}), HasSubstr("not by step 200, test accuracy not by step 200: no distance"));
  run.checkpoints = {checkpoint(100, 0.95)};
  EXPECT_THAT(experiment3_table({run}), HasSubstr("at step 100, test accuracy not by step 200: more than 100 steps"));
  run.test_accuracy = {{50, .95}, {100, .95}};
  EXPECT_THAT(experiment3_table({run}), HasSubstr("at step 100, test accuracy at step 50: 50 steps before"));
}

TEST(EmergenceCsv, HasALineForEachSeedAndCheckpointAndNoAblationOfNothing) {
  const Emergence run{.seed = 4, .test_accuracy = {{100, .2}}, .checkpoints = {checkpoint(100, 0.8)}};
  const CsvTable table = CsvTable::parse(emergence_csv({run, run}), "emergence.csv");
  EXPECT_EQ(table.n_rows(), 2u);
  EXPECT_EQ(table.text("seed")[0], "4");
  EXPECT_EQ(table.text("test_accuracy")[0], "0.2");
  EXPECT_EQ(table.text("var_0_attn_knn")[0], "0.8");
  EXPECT_EQ(table.text("var_0_attn_weights")[0], "0.25");
  EXPECT_EQ(table.text("var_0_attn_ablated")[0], "0.25");
  EXPECT_EQ(table.text("aux_0_mlp_ablated")[0], "") << "an empty circuit";
}

/// Adds the accuracy on other types, and that of 19 null circuits from .02 to .026.
void add_presence(ProbedCell& cell, double accuracy) {
  TestedFigure present{.value = accuracy};
  for (int b = 0; b < 19; ++b) present.nulls.push_back(.02 + .001 * (b % 7));
  present.interval = {.mean = accuracy - .02, .lower = accuracy - .05, .upper = accuracy + .01, .n_types = 40};
  cell.findings.presence = {{.data = "Test", .present = present}};
}

TEST(Experiment3Table, SaysFromWhichStepOnAVariableIsPresent) {
  Emergence run{.seed = 4, .test_accuracy = {{100, .2}, {200, .3}, {300, .4}}};
  const std::array<double, 3> squares = {.021, .6, .9};
  for (int64_t step = 1; step <= 3; ++step) {
    EmergenceCheckpoint& added = run.checkpoints.emplace_back(checkpoint(100 * step, .5));
    for (size_t i = 0; i < added.cells.size(); ++i) {
      add_presence(added.cells[i], i == 0 ? squares[static_cast<size_t>(step - 1)] : .021);
    }
  }
  const std::string text = experiment3_table({run});
  EXPECT_THAT(text, HasSubstr("a^2 in attn: present from step 200 on."));
  EXPECT_THAT(text, HasSubstr("b^2 in attn: present at no step."));
  EXPECT_THAT(text, ContainsRegex("\n200 +yes 0.600 \\(0.023\\) +no 0.021"));
  const CsvTable table = CsvTable::parse(emergence_csv({run}), "emergence.csv");
  EXPECT_THAT(table.text("var_0_attn_present"), ElementsAre("no", "yes", "yes"));
  EXPECT_EQ(table.text("var_0_attn_present_p")[1], "0.05");
  EXPECT_EQ(table.text("aux_0_attn_other_types")[1], "0.021");
}

}  // namespace
}  // namespace cprobe
