#include "cprobe/training/train_tasks.h"

#include "cprobe/tasks/arithmetic_data.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::HasSubstr;
using testing::read_bytes;
using testing::TemporaryFolder;

/// A task with `answer` mod 7, whose rows begin with the token `first`.
ArithmeticTask small_task(const std::string& name, int first, const std::string& answer = "(a + b) % p") {
  return parse_arithmetic_task(Document::parse_yaml(
      fmt::format("name: {}\nmodulus: 7\noperands: [a, b]\ntokens: [{}, a, b, 7]\nanswer: {}\nvariables: {{var_0: a}}\n"
                  "train_fraction: 0.6\n",
                  name, first, answer),
      name + ".yaml"));
}

/// Trains on tasks. @param stop_after  steps after which to stop as Ctrl-C does; 0: never.
TrainResult run(const std::vector<ArithmeticTask>& tasks, const std::filesystem::path& folder, uint64_t seed,
                int64_t stop_after = 0) {
  TrainOptions options{.steps = 20, .evaluate_every = 10};
  options.stop_requested = [stop_after](int64_t step) { return step == stop_after; };
  return train_tasks(tasks, toy_config(tasks), options, folder, Seed(seed));
}

TEST(TrainTasks, WritesItsDataOnceAndRefusesOtherData) {
  const TemporaryFolder folder;
  const std::vector<ArithmeticTask> tasks = {small_task("sum", 8)};
  EXPECT_CPROBE_ERROR(ErrorKind::kInterrupted, run(tasks, folder.path(), 1, 5), "stopped");
  EXPECT_INPUT_ERROR(run(tasks, folder.path(), 2), "not the data of task 'sum' with this seed");
  EXPECT_EQ(run(tasks, folder.path(), 1).resumed_at, 5);
  EXPECT_TRUE(std::filesystem::exists(folder / "data/train.csv"));
}

TEST(TrainTasks, ASingleTaskHasTheDataOfItsSeed) {
  const TemporaryFolder folder;
  const ArithmeticTask task = small_task("sum", 8);
  prepare_training_data({task}, folder / "one", Seed(3), false);
  write_arithmetic_csv(generate(task, Seed(3)), folder / "generated");
  EXPECT_EQ(read_bytes(folder / "one/data/train.csv"), read_bytes(folder / "generated/train.csv"));
}

TEST(TrainTasks, SeveralTasksTrainOneModelOnAllTheirRows) {
  const TemporaryFolder folder;
  const std::vector<ArithmeticTask> tasks = {small_task("sum", 8), small_task("difference", 9, "(a - b) % p")};
  const ModelConfig config = toy_config(tasks);
  EXPECT_EQ(config.vocab, 10) << "the larger vocabulary";
  EXPECT_EQ(config.n_positions, 4);
  const TaskData data = prepare_training_data(tasks, folder.path(), Seed(1), false);
  EXPECT_EQ(data.train.trie.n_rows(), 2 * 29);
  EXPECT_EQ(data.test.trie.n_rows(), 2 * 20);
  const TrainResult result = run(tasks, folder.path(), 1);
  EXPECT_LT(result.curve.back().train_loss, result.curve.front().train_loss);
  EXPECT_EQ(result.model.config.vocab, 10);
}

TEST(TrainTasks, SeveralTasksSplitTheirRowsEachInItsOwnWay) {
  const TemporaryFolder folder;
  const std::vector<ArithmeticTask> tasks = {small_task("one", 8), small_task("two", 8)};
  prepare_training_data(tasks, folder.path(), Seed(1), false);
  EXPECT_NE(read_bytes(folder / "data/one/train.csv"), read_bytes(folder / "data/two/train.csv"));
}

TEST(TrainTasks, RefuseNamesThatCannotBeFolders) {
  const TemporaryFolder folder;
  const ArithmeticTask good = small_task("good", 8);
  const auto refused = [&](std::vector<ArithmeticTask> tasks, const char* message) {
    EXPECT_INPUT_ERROR(prepare_training_data(tasks, folder / "run", Seed(1), false), message);
    EXPECT_FALSE(std::filesystem::exists(folder / "run"));
  };
  refused({}, "no task");
  refused({good, good}, "two tasks are called 'good'");
  for (const char* name : {"a/b", "..", ""}) {
    ArithmeticTask bad = good;
    bad.name = name;
    refused({good, bad}, "its data cannot go to a folder of this name");
  }
}

TEST(CheckTraining, RefusesWhatTrainingWouldRefuseAndWritesNothing) {
  const TemporaryFolder folder;
  const std::vector<ArithmeticTask> tasks = {small_task("sum", 8)};
  const TaskData data = prepare_training_data(tasks, folder.path(), Seed(1), false);
  const auto check = [&](const TrainOptions& options) {
    check_training(toy_config(tasks), data.train, data.test, options, folder.path(), Seed(1));
  };
  const TrainOptions same{.steps = 20, .evaluate_every = 10}, other{.steps = 30, .evaluate_every = 10};
  check(other);
  EXPECT_FALSE(std::filesystem::exists(folder / "state"));
  EXPECT_CPROBE_ERROR(ErrorKind::kInterrupted, run(tasks, folder.path(), 1, 5), "stopped");
  check(same);
  EXPECT_INPUT_ERROR(check(other), "a run with other settings is unfinished here:\n  steps: 20 there, 30 now");
  run(tasks, folder.path(), 1);
  check(same);
  EXPECT_INPUT_ERROR(check(other), "holds a finished run with other settings:\n  steps: 20 there, 30 now");
  check({.steps = 30, .overwrite = true});
  EXPECT_INPUT_ERROR(check({.steps = 0}), "steps must be at least 1");
}

}  // namespace
}  // namespace cprobe
