// Whole runs through the program: runs are repeatable and resumable, and overwrite nothing.

#include <chrono>

#include "cprobe/io/csv.h"
#include "tests/cli/language_run.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

/// A second after Ctrl-C, and another for the leak check at the end of a sanitizer build.
constexpr auto kPromptly = std::chrono::seconds(2);

std::vector<std::string> fit_command(const TemporaryFolder& folder, const std::string& run, int n_threads = 1) {
  return {"fit",       (folder / "spec.yaml").string(), "--out", (folder / run).string(),
          "--threads", std::to_string(n_threads)};
}

std::map<std::string, std::string> files_below(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = std::filesystem::relative(entry.path(), folder).string();
    if (entry.is_regular_file() && !name.starts_with("run.sqlite")) files[name] = read_bytes(entry.path());
  }
  return files;
}

class FitOnThreads : public ::testing::TestWithParam<int> {};

TEST_P(FitOnThreads, GivesTheSameBytesTwice) {
  const TemporaryFolder folder;
  write_bytes(
      folder / "spec.yaml",
      ToyRun::get().spec({{"exemplar_draws", "fills: [zero, mean, resample], per_matrix: true, exemplar_draws"}}));
  for (const char* run : {"a", "b"}) {
    const ProgramResult result = cprobe(fit_command(folder, run, GetParam()));
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  const auto a = files_below(folder / "a");
  EXPECT_EQ(a, files_below(folder / "b"));
  EXPECT_TRUE(a.contains("results.csv"));
  EXPECT_TRUE(a.contains("metrics.csv"));
  EXPECT_TRUE(a.contains("curves.csv"));
  EXPECT_TRUE(a.contains("path.csv"));
  EXPECT_EQ(a.size(), 7) << "four tables, two circuits and the lock";
}

INSTANTIATE_TEST_SUITE_P(Number, FitOnThreads, ::testing::Values(1, 2));

TEST(Baseline, AddsItsFiguresToTheRunOfFit) {
  const TemporaryFolder folder;
  const std::string spec = write_bytes(folder / "spec.yaml", ToyRun::get().spec()).string();
  const std::string run = (folder / "run").string();
  ASSERT_EQ(cprobe(fit_command(folder, "run")).exit_code, 0);
  const std::string circuits = read_bytes(folder / "run/results.csv");
  const auto baseline = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"baseline",  "--methods", "linear_probe,amnesic_probing", spec, "--out", run,
                                          "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return cprobe(arguments);
  };
  const ProgramResult first = baseline({});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("selectivity"));
  EXPECT_THAT(first.out, HasSubstr("4 of 4 cells computed now"));
  EXPECT_THAT(baseline({}).out, HasSubstr("0 of 4 cells computed now"));
  EXPECT_THAT(baseline({"--overwrite"}).out, HasSubstr("4 of 4 cells computed now"));
  EXPECT_EQ(read_bytes(folder / "run/results.csv"), circuits);
  EXPECT_THAT(read_bytes(folder / "run/metrics.csv"), HasSubstr("amnesic_probing,L0.mid,"));
  EXPECT_THAT(cprobe({"inspect", run}).out, HasSubstr("selectivity"));

  std::vector<std::string> again = fit_command(folder, "run");
  again.emplace_back("--overwrite");
  ASSERT_EQ(cprobe(again).exit_code, 0);
  EXPECT_EQ(read_bytes(folder / "run/results.csv"), circuits);
  EXPECT_THAT(baseline({}).out, HasSubstr("0 of 4 cells computed now")) << "fit --overwrite keeps other methods";
}

TEST(Baseline, LeavesOutWhatTheDataDoNotSufficeFor) {
  const TemporaryFolder folder;
  const std::string spec = write_bytes(folder / "spec.yaml", ToyRun::get().spec()).string();
  const ProgramResult named =
      cprobe({"baseline", spec, "--methods", "das", "--out", (folder / "run").string(), "--threads", "1"});
  EXPECT_EQ(named.exit_code, 2);
  EXPECT_THAT(named.err, HasSubstr("das var_0: "));
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST(Fit, PrintsAFinishedRunAgainAndComputesNothing) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec());
  const ProgramResult first = cprobe(fit_command(folder, "run"));
  ASSERT_EQ(first.exit_code, 0);
  EXPECT_THAT(first.out, HasSubstr("2 of 2 cells computed now"));
  const auto before = files_below(folder / "run");
  const ProgramResult again = cprobe(fit_command(folder, "run"));
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out, HasSubstr("0 of 2 cells computed now"));
  EXPECT_EQ(files_below(folder / "run"), before);
  EXPECT_EQ(first.out.substr(0, first.out.find("2 of 2")), again.out.substr(0, again.out.find("0 of 2")));
}

/// The toy's task file says that var_0 is a.
TEST(Fit, CallsVariablesByTheirTitlesAndFilesByTheirColumns) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec());
  const ProgramResult first = cprobe(fit_command(folder, "run"));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("\na         L0.attn"));
  EXPECT_THAT(first.out, HasSubstr("Columns of the data: a is var_0.\n"));
  const auto before = files_below(folder / "run");
  EXPECT_THAT(before.at("results.csv"), HasSubstr("\nvar_0,"));

  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"[var_0]", "{var_0: the first operand}"}}));
  const ProgramResult again = cprobe(fit_command(folder, "run"));
  EXPECT_THAT(again.out, HasSubstr("0 of 2 cells computed now"));
  EXPECT_THAT(again.out, HasSubstr("Columns of the data: the first operand is var_0.\n"));
  EXPECT_EQ(files_below(folder / "run"), before) << "no file says the title";
  const ProgramResult table = cprobe({"report", (folder / "run").string(), "--format", "markdown"});
  EXPECT_THAT(table.out, HasSubstr("| the first operand | L0.attn |"));
}

TEST(Baseline, TakesSentencesInPairsOfItsOwn) {
  const TemporaryFolder folder;
  write_language_model(folder / "model", "gpt2", 16);
  const auto sentences = write_bytes(folder / "sentences.csv", small_sentences());
  const std::string spec =
      write_bytes(folder / "spec.yaml", language_spec(folder / "model", sentences) +
                                            "baselines: {das: {dimension: 2, epochs: 2, random_controls: 2}, "
                                            "counterfactual_embedding: {steps: 2, probe: {epochs: 2}}}\n")
          .string();
  const std::string run = (folder / "run").string();
  const ProgramResult result = cprobe({"baseline", spec, "--out", run, "--threads", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("interchange_accuracy"));
  EXPECT_THAT(result.out, HasSubstr("counterfactual_answer"));
  const ProgramResult transfer = cprobe({"baseline", spec, "--out", run, "--threads", "1", "--methods", "transfer"});
  EXPECT_EQ(transfer.exit_code, 2);
  EXPECT_THAT(transfer.err, HasSubstr("which sentences do not have"));
}

class StoppedFit : public ::testing::TestWithParam<int> {};

TEST_P(StoppedFit, ContinuesToTheSameBytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 2000"}}));
  std::vector<std::string> command = fit_command(folder, "run");
  command.push_back("--json");
  Program stopped(command);
  ASSERT_TRUE(stopped.has_said("\"begun\""));
  const auto asked = std::chrono::steady_clock::now();
  stopped.send(GetParam());
  const ProgramResult result = stopped.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, kPromptly);
  if (GetParam() == SIGINT) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("the same command, without --overwrite, continues"));
  }
  ASSERT_EQ(cprobe(fit_command(folder, "run")).exit_code, 0);
  ASSERT_EQ(cprobe(fit_command(folder, "undisturbed")).exit_code, 0);
  EXPECT_EQ(files_below(folder / "run"), files_below(folder / "undisturbed"));
}

INSTANTIATE_TEST_SUITE_P(By, StoppedFit, ::testing::Values(SIGINT, SIGKILL),
                         [](const auto& param) { return param.param == SIGINT ? "CtrlC" : "Kill"; });

TEST(Fit, StoppedBeforeItsFirstCellSaysSo) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 1000000"}}));
  Program first(fit_command(folder, "run"));
  ASSERT_TRUE(first.is_busy_after(folder / "run/run.sqlite"));
  std::vector<std::string> command = fit_command(folder, "run");
  command.push_back("--wait");
  Program second(command);
  ASSERT_TRUE(second.has_said("waiting for"));
  second.send(SIGINT);
  const ProgramResult result = second.wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("stopped before a cell was begun"));
  EXPECT_THAT(result.err, HasSubstr("keeps what it had, and the same command goes on"));
  first.send(SIGINT);
  first.wait();
}

TEST(Train, StopsOnCtrlCSaysWhatItKeptAndGoesOn) {
  const TemporaryFolder folder;
  const std::string task = write_bytes(folder / "task.yaml",
                                       "name: toy\nmodulus: 7\noperands: [a, b]\ntokens: [a, b, 7]\n"
                                       "answer: (a + b) % p\nvariables: {var_0: a}\n")
                               .string();
  const std::filesystem::path state = folder / "run/state/training.safetensors";
  std::filesystem::file_time_type saved;
  int64_t last = 0;
  for (int round = 0; round < 2; ++round) {
    Program stopped({"train", task, "--out", (folder / "run").string(), "--steps", "10000000", "--d-model", "16",
                     "--d-mlp", "32", "--threads", "1"});
    ASSERT_TRUE(stopped.is_busy_after(state, saved));
    const auto asked = std::chrono::steady_clock::now();
    stopped.send(SIGINT);
    const ProgramResult result = stopped.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - asked, kPromptly);
    EXPECT_EQ(result.exit_code, 1);
    const size_t at = result.err.find("training stopped after ");
    ASSERT_NE(at, std::string::npos) << result.err;
    const int64_t step = std::stoll(result.err.substr(at + 23));
    EXPECT_GT(step, last) << "the second call goes on where the first one stopped";
    last = step;
    saved = std::filesystem::last_write_time(state);
    EXPECT_THAT(result.err, HasSubstr("keeps it all, so the same command goes on from there"));
  }
}

/// A training that ends by a signal.
class StoppedTraining : public ::testing::TestWithParam<int> {};

TEST_P(StoppedTraining, LeavesAModelThatFitTakesAndSaysSo) {
  const TemporaryFolder folder;
  const ToyRun& toy = ToyRun::get();
  const std::filesystem::path latest = folder / "run/latest";
  Program stopped({"train", "--train", toy.data("train.csv"), "--test", toy.data("test.csv"), "--out",
                   (folder / "run").string(), "--steps", "10000000", "--keep", "best", "--d-model", "16", "--d-mlp",
                   "32", "--threads", "1"});
  ASSERT_TRUE(stopped.is_busy_after(folder / "run/best/config.json")) << stopped.wait().err;
  stopped.send(GetParam());
  const ProgramResult result = stopped.wait();
  EXPECT_THAT(result.err, HasSubstr(latest.string() + ": until the end, the model of every 500th step"));
  if (GetParam() == SIGKILL) {
    EXPECT_EQ(result.exit_code, 128 + SIGKILL);
  } else {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr(latest.string() + " is the model so far"));
  }
  for (const std::filesystem::path& model : {latest, folder / "run/best"}) {
    const std::filesystem::path spec =
        write_bytes(folder / "spec.yaml", toy.spec({{"model: " + toy.model(), "model: " + model.string()}}));
    const ProgramResult fitted =
        cprobe({"fit", spec.string(), "--out", (folder / ("fit_" + model.filename().string())).string()});
    EXPECT_EQ(fitted.exit_code, 0) << fitted.err;
    EXPECT_THAT(fitted.out, HasSubstr("2 of 2 cells computed now"));
  }
}

INSTANTIATE_TEST_SUITE_P(By, StoppedTraining, ::testing::Values(SIGINT, SIGTERM, SIGKILL), [](const auto& param) {
  return param.param == SIGINT ? "CtrlC" : param.param == SIGTERM ? "Term" : "Kill";
});

TEST(Fit, AcceptsAFlatConfigAndNamesTheKeysItIgnores) {
  const TemporaryFolder folder;
  const ToyRun& toy = ToyRun::get();
  write_bytes(folder / "spec.yaml",
              "model_path: " + toy.model() +
                  "\nrandom_init: False\nlayer_reinit: False\ntarget_layer_list: [0]\noperation_list: [attn]\n" +
                  "mask_init_list: [0.0]\nmax_temp: 200\nprobe_index_list: [2]\ntrain_data_path: " +
                  toy.data("train.csv") + "\ntest_data_path: " + toy.data("test.csv") +
                  "\nvariable: var_0\ntask: toy\nnum_epochs: 2\nlr_list: [1e-3]\nbatch_size_list: [8]\ndata_seed: "
                  "0\nl0_lambda: 1e-6\n"
                  "model_seed_list: [0]\nnum_random_ablations: 0\nlm_eval: True\nmodel_dir: m\nresults_dir: " +
                  (folder / "run").string() + "\nsave_models: False\ngif: True\ngif_interval: 10\n");
  const ProgramResult result = cprobe({"fit", (folder / "spec.yaml").string(), "--threads", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("gif, gif_interval, model_dir, save_models"));
  const CsvTable table = CsvTable::read(folder / "run/results.csv");
  EXPECT_EQ(table.columns()[0], "variable");
  EXPECT_TRUE(table.has_column(" vanilla acc Test"));
  EXPECT_EQ(table.text("protocol"), std::vector<std::string>{"paper"});
}

TEST(Fit, TakesAnotherMaskMethodThanTheSpecs) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"[attn, mlp]", "[mlp]"}}));
  std::vector<std::string> command = fit_command(folder, "run");
  command.insert(command.end(), {"--method", "hard_concrete"});
  const ProgramResult result = cprobe(command);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(CsvTable::read(folder / "run/metrics.csv").text("method").at(0), "circuit probing (hard_concrete)");
  command.back() = "magnitude_pruning";
  const ProgramResult other = cprobe(command);
  ASSERT_EQ(other.exit_code, 0) << other.err;
  EXPECT_THAT(other.out, HasSubstr("mask method"));
  EXPECT_EQ(CsvTable::read(folder / "run/results.csv").text("mask method"),
            (std::vector<std::string>{"hard_concrete", "magnitude_pruning"}));
  command.back() = "movement_pruning";
  const ProgramResult unknown = cprobe(command);
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("unknown mask method 'movement_pruning': expected one of continuous_spars"));
}

TEST(Ablate, RepeatsTheFiguresOfTheRun) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"[attn, mlp]", "[mlp]"}}));
  ASSERT_EQ(cprobe(fit_command(folder, "run")).exit_code, 0);
  const std::string circuit = std::filesystem::directory_iterator(folder / "run/circuits")->path().string();
  const ProgramResult result = cprobe({"ablate", circuit, "--model", ToyRun::get().model(), "--data",
                                       ToyRun::get().data("test.csv"), "--random-controls", "0", "--threads", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const double ablated = std::stod(CsvTable::read(folder / "run/results.csv").text(" ablated acc Test").at(0));
  EXPECT_THAT(result.out, HasSubstr(fmt::format("{:.4f}", ablated)));
}

}  // namespace
}  // namespace cprobe::testing
