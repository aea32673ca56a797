#include "cprobe/reproduce/reproduce.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

/// The task of Experiment 1 in small: 504 training rows, one batch per epoch.
ArithmeticTask small_exp1_task() {
  return parse_arithmetic_task(Document::parse_yaml(
      "name: small\nmodulus: 29\noperands: [a, b]\ntokens: [a, b, 29]\nanswer: (a^2 - b^2) % p\n"
      "variables: {var_0: a^2 % p, var_1: -b^2 % p}\nauxiliaries: {aux_0: (a + b) % p, aux_1: (a - b) % p}\n"
      "train_fraction: 0.6\n",
      "small.yaml"));
}

TEST(ReproduceExperiment1, KeepsWhatIsFinishedAndRefusesOtherOptions) {
  const testing::TemporaryFolder folder;
  ToyExperimentOptions options{
      .common = {.out = folder / "exp1", .n_random = 0, .n_nulls = 0, .n_threads = 1}, .steps = 2, .n_seeds = 1};
  const std::string table = reproduce_experiment1(small_exp1_task(), options);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 22)
      << "heading and eight circuits, the loss, heading and eight answers, whose they are:\n"
      << table;
  EXPECT_THAT(table, HasSubstr("(0.991)"));
  EXPECT_THAT(table, ContainsRegex("by seed: [0-9.e+-]+ \\(2.0e-04\\)"));
  EXPECT_EQ(testing::read_bytes(folder / "exp1/table.txt"), table);
  const auto trained = std::filesystem::last_write_time(folder / "exp1/seed_0/final/model.safetensors");
  EXPECT_EQ(reproduce_experiment1(small_exp1_task(), options), table);
  EXPECT_EQ(std::filesystem::last_write_time(folder / "exp1/seed_0/final/model.safetensors"), trained);

  options.common.n_random = 1;
  EXPECT_NE(reproduce_experiment1(small_exp1_task(), options), table) << "with random circuits";
  EXPECT_EQ(std::filesystem::last_write_time(folder / "exp1/seed_0/final/model.safetensors"), trained);
  options.steps = 3;
  EXPECT_INPUT_ERROR(reproduce_experiment1(small_exp1_task(), options), "steps: 2 there, 3 now");
  options.common.overwrite = true;
  EXPECT_NO_THROW(reproduce_experiment1(small_exp1_task(), options));
}

TEST(ReproduceExperiment1, NeedsASeedAndAStep) {
  EXPECT_INPUT_ERROR(reproduce_experiment1(small_exp1_task(), {.common = {.out = "nowhere"}, .n_seeds = 0}),
                     "at least one seed");
}

}  // namespace
}  // namespace cprobe
