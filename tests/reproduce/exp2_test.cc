#include "cprobe/reproduce/exp2_table.h"
#include "cprobe/reproduce/reproduce.h"
#include "tests/made_cell.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

/// A task of Experiment 2 in small: 504 training rows, one batch per epoch.
ArithmeticTask small_task(const char* name, const char* tokens, int own, int other) {
  return parse_arithmetic_task(Document::parse_yaml(
      fmt::format("name: {}\nmodulus: 29\noperands: [a, b]\ndistractors: {{R: {{bijection_of: b}}}}\ntokens: {}\n"
                  "answer: (a % 5 + b % {}) % p\nvariables: {{var_0: a % 5, var_1: b % {}}}\n"
                  "auxiliaries: {{aux_0: R % {}}}\ntrain_fraction: 0.6\n",
                  name, tokens, own, own, other),
      "small.yaml"));
}

std::array<ArithmeticTask, 2> small_tasks() {
  return {small_task("one", "[30, a, R, b, 29]", 7, 3), small_task("two", "[31, a, b, R, 29]", 3, 7)};
}

TEST(ReproduceExperiment2, KeepsWhatIsFinishedAndRefusesOtherOptions) {
  const testing::TemporaryFolder folder;
  ToyExperimentOptions options{.common = {.out = folder / "exp2", .n_random = 1, .n_nulls = 0, .n_threads = 1},
                               .steps = 2};
  const std::string table = reproduce_experiment2(small_tasks(), options);
  EXPECT_THAT(table, HasSubstr("R is a bijection of b, as in the paper"));
  EXPECT_THAT(table, HasSubstr("(0.282)"));
  EXPECT_THAT(table, HasSubstr("0 of 1 model.")) << "two steps teach nothing";
  EXPECT_EQ(testing::read_bytes(folder / "exp2/table.txt"), table);
  const std::filesystem::path seed = folder / "exp2/seed_0";
  const auto written = [](const std::filesystem::path& file) { return std::filesystem::last_write_time(file); };
  const auto trained = written(seed / "final/model.safetensors"),
             found = written(seed / "probes/one/circuits/circuits");

  std::filesystem::remove_all(seed / "probes/two");
  EXPECT_EQ(reproduce_experiment2(small_tasks(), options), table);
  EXPECT_EQ(written(seed / "final/model.safetensors"), trained);
  EXPECT_EQ(written(seed / "probes/one/circuits/circuits"), found) << "finished circuits are kept";

  options.common.n_random = 0;
  EXPECT_NE(reproduce_experiment2(small_tasks(), options), table) << "without random circuits";
  options.steps = 3;
  EXPECT_INPUT_ERROR(reproduce_experiment2(small_tasks(), options), "steps: 2 there, 3 now");
  std::array<ArithmeticTask, 2> uniform = small_tasks();
  for (ArithmeticTask& task : uniform) task = with_uniform_distractors(task);
  EXPECT_INPUT_ERROR(reproduce_experiment2(uniform, options), "not the data of task 'one'");
  options.common.overwrite = true;
  EXPECT_THAT(reproduce_experiment2(uniform, options), HasSubstr("R is drawn for every row"));
}

TEST(ReproduceExperiment2, LooksAtEverySeedBeforeItTrainsTheFirst) {
  const testing::TemporaryFolder folder;
  ToyExperimentOptions options{
      .common = {.out = folder / "exp2", .n_random = 0, .n_nulls = 0, .n_threads = 1}, .steps = 2, .n_seeds = 2};
  testing::write_bytes(folder / "exp2/seed_1/data/two/test.csv", "data,labels\n1 2,3\n");
  EXPECT_INPUT_ERROR(reproduce_experiment2(small_tasks(), options), "seed_1/data/two/test.csv: not the data");
  EXPECT_FALSE(std::filesystem::exists(folder / "exp2/seed_0/state"));
  options.steps = 0;
  EXPECT_INPUT_ERROR(reproduce_experiment2(small_tasks(), options), "at least one seed and one training step");
}

/// A run with given accuracies after the c_attn parts are ablated.
/// @param left  for var_0, var_1 and aux_0, the accuracy on the own task and on the other task.
/// @param extent  of the parts.
Experiment2Run run_with(uint64_t seed, size_t task, const std::vector<std::array<double, 2>>& left,
                        Extent extent = Extent::kPart) {
  std::vector<ProbedCell> cells;
  const std::array<const char*, 3> variables = {"var_0", "var_1", "aux_0"};
  for (size_t i = 0; i < variables.size(); ++i) {
    for (const Block block : {Block::kAttention, Block::kMlp}) {
      ProbedCell& cell = cells.emplace_back(testing::made_cell(variables[i], {0, block}, .75));
      testing::add_ablation(cell, kOwnTask, .95, .125);
      testing::add_ablation(cell, kOtherTask, .95, .125);
      if (block == Block::kMlp) continue;
      for (size_t set = 0; set < 2; ++set) {
        std::vector<AblationResult>& ablations = cell.findings.evaluation_sets[set].ablations;
        ablations.push_back({.matrix = "c_attn", .extent = extent, .accuracy = {.mean = left[i][set], .n = 1}});
        if (set == 1) continue;
        ablations.push_back({.target = AblationTarget::kRandom, .matrix = "c_attn", .accuracy = {.mean = .7, .n = 1}});
      }
    }
  }
  return {seed, task, cells};
}

TEST(Experiment2Table, ShowsThePartInCAttnBesideThePublishedFigures) {
  const std::string text = experiment2_table(
      {run_with(0, 0, {{.04, .03}, {.02, .42}, {.5, .5}}), run_with(0, 1, {{.04, .03}, {.06, .56}, {.5, .5}})});
  EXPECT_THAT(text, ContainsRegex("free +1 +b mod 31 +0.020 +\\(0.032\\) +0.700 +0.420 +\\(0.282\\) +- +0.400 "
                                  "+\\(0.250\\)"));
  EXPECT_THAT(text, ContainsRegex("shared +2 +a mod 29 +mlp +proper part +0.750 +\\(0.736\\) +0.500 +0.250 +0.125 "
                                  "+\\(0.932\\)"));
  EXPECT_THAT(text, HasSubstr("0.950 on task 1, 0.950 on task 2"));
  EXPECT_THAT(text, HasSubstr("at least 0.15 more, both ways): 1 of 1 model."));
  EXPECT_THAT(text, HasSubstr("(both at most 0.10, both ways): 1 of 1 model."));
}

TEST(Experiment2Table, CountsModelsInWhichBothTasksShowIt) {
  const std::vector<std::array<double, 2>> shows = {{.04, .03}, {.02, .42}, {.5, .5}},
                                           shows_not = {{.04, .3}, {.02, .1}, {.5, .5}};
  const std::string text = experiment2_table({run_with(0, 0, shows), run_with(0, 1, shows), run_with(1, 0, shows),
                                              run_with(1, 1, shows_not), run_with(2, 0, shows), run_with(2, 1, shows)});
  EXPECT_THAT(text, HasSubstr("at least 0.15 more, both ways): 2 of 3 models (seeds 0, 2)."));
  EXPECT_THAT(text, HasSubstr("(both at most 0.10, both ways): 2 of 3 models (seeds 0, 2)."));
}

TEST(Experiment2Table, DoesNotCountAnEmptyPartAsDeleted) {
  const std::vector<std::array<double, 2>> left = {{.04, .03}, {.02, .42}, {.5, .5}};
  const std::string text = experiment2_table({run_with(0, 0, left, Extent::kEmpty), run_with(0, 1, left)});
  EXPECT_THAT(text, ContainsRegex("free +1 +b mod 31 +- +\\(0.032\\) +- +-"));
  EXPECT_THAT(text, HasSubstr("at least 0.15 more, both ways): 0 of 1 model."));
}

TEST(Experiment2Table, ComparesTheContrastWithThatOfTheSameRandomSets) {
  std::vector<Experiment2Run> runs = {run_with(0, 0, {{.04, .03}, {.03, .6}, {.1, .1}}),
                                      run_with(0, 1, {{.04, .03}, {.03, .6}, {.1, .1}})};
  EXPECT_THAT(experiment2_table(runs), Not(HasSubstr("p, adjusted"))) << "no random sets on the other task";
  for (Experiment2Run& run : runs) {
    for (ProbedCell& cell : run.cells) {
      if (cell.settings.cell.component.block == Block::kMlp) continue;
      for (Findings::OnEvaluationSet& on : cell.findings.evaluation_sets) {
        std::erase_if(on.ablations, [](const AblationResult& a) {
          return a.target == AblationTarget::kRandom && a.matrix == "c_attn";
        });
        // What a set takes from one task it takes from the other, up to .02.
        AblationResult random{.target = AblationTarget::kRandom, .matrix = "c_attn"};
        for (int draw = 0; draw < 39; ++draw) {
          random.draws.push_back(.4 + .01 * draw + (on.label == kOtherTask ? .01 * (draw % 5 - 2) : 0));
        }
        random.accuracy = spread(random.draws);
        on.ablations.push_back(random);
      }
    }
  }
  const std::string table = experiment2_table(runs);
  EXPECT_THAT(table, ContainsRegex("free +1 +b mod 31 +0.570 +-?0.00[0-9] ± 0.014 +0.025"));
  EXPECT_THAT(table, ContainsRegex("shared +1 +a mod 29 +-0.010 +-?0.00[0-9] ± 0.014 +[01].[0-9]+"));
}

}  // namespace
}  // namespace cprobe
