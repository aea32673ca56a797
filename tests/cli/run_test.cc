// Whole runs through the program: repeatable, resumable, and never overwriting.

#include <chrono>
#include <thread>

#include "cprobe/io/csv.h"
#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> fit_command(const TemporaryFolder& folder, const std::string& run) {
  return {"fit", (folder / "spec.yaml").string(), "--out", (folder / run).string(), "--threads", "1"};
}

std::map<std::string, std::string> files_below(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = std::filesystem::relative(entry.path(), folder).string();
    if (entry.is_regular_file() && !name.starts_with("run.sqlite")) files[name] = read_bytes(entry.path());
  }
  return files;
}

TEST(Fit, GivesTheSameBytesTwice) {
  const TemporaryFolder folder;
  write_bytes(
      folder / "spec.yaml",
      ToyRun::get().spec({{"exemplar_draws", "fills: [zero, mean, resample], per_matrix: true, exemplar_draws"}}));
  for (const char* run : {"a", "b"}) {
    const ProgramResult result = cprobe(fit_command(folder, run));
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  const auto a = files_below(folder / "a");
  EXPECT_EQ(a, files_below(folder / "b"));
  EXPECT_TRUE(a.contains("results.csv"));
  EXPECT_TRUE(a.contains("metrics.csv"));
  EXPECT_TRUE(a.contains("curves.csv"));
  EXPECT_EQ(a.size(), 5) << "three tables and two circuits";
}

TEST(Fit, RefusesToOverwriteAFinishedRun) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec());
  ASSERT_EQ(cprobe(fit_command(folder, "run")).exit_code, 0);
  const auto before = files_below(folder / "run");
  const ProgramResult again = cprobe(fit_command(folder, "run"));
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("--overwrite"));
  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 4"}}));
  const ProgramResult other = cprobe(fit_command(folder, "run"));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("another spec"));
  EXPECT_EQ(files_below(folder / "run"), before);
  std::vector<std::string> overwrite = fit_command(folder, "run");
  overwrite.emplace_back("--overwrite");
  EXPECT_EQ(cprobe(overwrite).exit_code, 0);
}

TEST(Fit, ContinuesAnInterruptedRunToTheSameBytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 2000"}}));
  const Program interrupted(fit_command(folder, "run"));
  while (!std::filesystem::exists(folder / "run/run.sqlite")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto asked = std::chrono::steady_clock::now();
  interrupted.interrupt();
  const ProgramResult result = interrupted.wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the same command continues"));
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(2));
  ASSERT_EQ(cprobe(fit_command(folder, "run")).exit_code, 0);
  ASSERT_EQ(cprobe(fit_command(folder, "undisturbed")).exit_code, 0);
  EXPECT_EQ(files_below(folder / "run"), files_below(folder / "undisturbed"));
}

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
