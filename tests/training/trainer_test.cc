#include "cprobe/training/trainer.h"

#include <ATen/ATen.h>

#include <map>
#include <set>

#include "cprobe/model/forward.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::HasSubstr;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

/// Every other row of a + b mod 7: those in which 7 a + b has this parity.
Dataset sums(int64_t parity) {
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> answers;
  for (int64_t a = 0; a < 7; ++a) {
    for (int64_t b = 0; b < 7; ++b) {
      if ((a * 7 + b) % 2 != parity) continue;
      rows.push_back({a, b, 7});
      answers.push_back((a + b) % 7);
    }
  }
  return {.source = "sums", .trie = build_trie(rows), .answers = at::tensor(answers)};
}

ModelConfig small_config() {
  ModelConfig config = toy_config(8, 3);
  config.d_model = 32;
  config.d_head = 8;
  config.d_mlp = 64;
  return config;
}

const TrainOptions kShort = {.steps = 40, .evaluate_every = 10, .checkpoints = {0, 25}, .save_every = 15};

TrainResult run(const TrainOptions& options, const std::filesystem::path& folder, uint64_t seed = 3) {
  return train(small_config(), sums(0), sums(1), options, folder, Seed(seed));
}

/// Whether the folder holds the finished run that `run` makes.
bool is_done(const TrainOptions& options, const std::filesystem::path& folder) {
  return is_trained(small_config(), sums(0), sums(1), options, folder, Seed(3));
}

/// Options that stop a run after some steps, as Ctrl-C does.
TrainOptions stopped_after(int64_t steps, TrainOptions options = kShort) {
  options.stop_requested = [steps](int64_t step) { return step == steps; };
  return options;
}

void expect_interrupted(int64_t steps, const std::filesystem::path& folder) {
  EXPECT_CPROBE_ERROR(ErrorKind::kInterrupted, run(stopped_after(steps), folder),
                      fmt::format("after {} of 40 steps", steps));
}

TEST(Trainer, LearnsATinyTask) {
  const TemporaryFolder folder;
  TrainOptions options = kShort;
  options.steps = 300;
  options.checkpoints = {};
  options.weight_decay = 0.1;
  const TrainResult result = run(options, folder.path());
  // Fresh: all tokens equally likely.
  EXPECT_NEAR(result.curve.front().train_loss, std::log(8.0), 0.1);
  EXPECT_LT(result.curve.back().train_loss, 0.1);
  EXPECT_EQ(result.curve.back().train_accuracy, 1.0);
  EXPECT_EQ(result.curve.size(), 31u);
}

TEST(Trainer, SameSeedGivesTheSameBits) {
  const TemporaryFolder folder;
  const std::string first = fingerprint(run(kShort, folder / "a").model);
  EXPECT_EQ(first, fingerprint(run(kShort, folder / "b").model));
  EXPECT_NE(first, fingerprint(run(kShort, folder / "c", 4).model));
}

TEST(Trainer, AStoppedRunGoesOnToTheSameBits) {
  const TemporaryFolder folder;
  const TrainResult whole = run(kShort, folder / "whole");
  for (const int64_t stop : {1, 10, 25, 39}) {
    const std::filesystem::path part = folder / fmt::format("stopped_{}", stop);
    expect_interrupted(stop, part);
    EXPECT_FALSE(is_done(kShort, part));
    const TrainResult rest = run(kShort, part);
    EXPECT_EQ(rest.resumed_at, stop);
    EXPECT_EQ(fingerprint(rest.model), fingerprint(whole.model)) << "stopped after " << stop;
    for (const char* file : {"curve.csv", "settings.json", "final/model.safetensors", "step_0/model.safetensors",
                             "step_25/model.safetensors"}) {
      EXPECT_EQ(read_bytes(part / file), read_bytes(folder / "whole" / file)) << file << ", stopped after " << stop;
    }
    EXPECT_FALSE(std::filesystem::exists(part / "latest")) << "the last model is in final/ now";
  }
}

/// Options of a run that may be extended, with a point of the curve every 15 steps.
TrainOptions extensible(int64_t steps, bool keep_best = true) {
  return {.steps = steps,
          .evaluate_every = 15,
          .checkpoints = {0, 25},
          .keep_best = keep_best,
          .save_every = 15,
          .extend = true};
}

/// All files below a folder, by their paths in the folder.
std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path().lexically_relative(folder).string()] = read_bytes(entry.path());
  }
  return files;
}

/// Names of the files that differ.
std::vector<std::string> differences(const std::map<std::string, std::string>& a,
                                     const std::map<std::string, std::string>& b) {
  std::vector<std::string> names;
  for (const auto* files : {&a, &b}) {
    for (const auto& [name, bytes] : *files) {
      if (!a.contains(name) || !b.contains(name) || a.at(name) != b.at(name)) names.push_back(name);
    }
  }
  return names;
}

TEST(Trainer, AnExtendedRunIsTheLongerRunBitForBit) {
  const TemporaryFolder folder;
  // Ends at a point of the curve (30), between two points (44), and just behind a checkpoint (26).
  for (const bool keep_best : {false, true}) {
    const std::filesystem::path whole = folder / fmt::format("whole_{}", keep_best);
    run(extensible(70, keep_best), whole);
    for (const std::vector<int64_t>& ends : {std::vector<int64_t>{30, 70}, {44, 70}, {26, 44, 70}}) {
      const std::filesystem::path grown = folder / fmt::format("grown_{}_{}", keep_best, fmt::join(ends, "_"));
      int64_t before = 0;
      for (const int64_t steps : ends) {
        EXPECT_EQ(run(extensible(steps, keep_best), grown).resumed_at, before);
        before = steps;
      }
      EXPECT_THAT(differences(files_of(grown), files_of(whole)), ::testing::IsEmpty())
          << fmt::format("{}", ends.size());
    }
  }
}

TEST(Trainer, AnExtensionThatIsStoppedOrKilledGoesOnToTheSameBits) {
  const TemporaryFolder folder;
  run(extensible(70), folder / "whole");
  for (const int64_t stop : {45, 52, 69}) {
    const std::filesystem::path grown = folder / fmt::format("grown_{}", stop);
    const std::string shorter = fingerprint(run(extensible(44), grown).model);
    EXPECT_CPROBE_ERROR(ErrorKind::kInterrupted, run(stopped_after(stop, extensible(70)), grown),
                        fmt::format("training stopped after {} of 70 steps", stop));
    EXPECT_EQ(fingerprint(load_model(grown / "final")), shorter) << "until the added steps are done";
    TrainOptions killed = extensible(70);
    killed.stop_requested = [](int64_t) -> bool { throw std::runtime_error("killed"); };
    EXPECT_THROW(run(killed, grown), std::runtime_error);
    EXPECT_EQ(run(extensible(70), grown).resumed_at, stop);
    EXPECT_THAT(differences(files_of(grown), files_of(folder / "whole")), ::testing::IsEmpty()) << stop;
  }
}

TEST(Trainer, AKillAtTheStartOfAnExtensionLosesNothing) {
  const TemporaryFolder folder;
  run(extensible(44), folder / "short");
  const auto before = files_of(folder / "short");
  TrainOptions killed = extensible(70);
  killed.on_progress = [](const Progress&) { throw std::runtime_error("killed"); };
  EXPECT_THROW(run(killed, folder / "short"), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(folder / "short/settings.json"));
  EXPECT_EQ(run(extensible(44), folder / "short").resumed_at, 44) << "the shorter run is still there";
  EXPECT_THAT(differences(files_of(folder / "short"), before), ::testing::IsEmpty());
}

TEST(Trainer, RefusesFewerStepsThanAreDoneAndLosesNothing) {
  const TemporaryFolder folder;
  run(extensible(44), folder.path());
  const auto before = files_of(folder.path());
  EXPECT_INPUT_ERROR(run(extensible(43), folder.path()),
                     "has done 44 steps, and 43 are asked for; it is left as it is");
  EXPECT_INPUT_ERROR(run(extensible(44), folder.path()), "finished run with these settings; ask for more steps");
  EXPECT_THAT(differences(files_of(folder.path()), before), ::testing::IsEmpty());
  EXPECT_CPROBE_ERROR(ErrorKind::kInterrupted, run(stopped_after(60, extensible(70)), folder.path()), "60 of 70");
  EXPECT_INPUT_ERROR(run(extensible(59), folder.path()), "has done 60 steps, and 59 are asked for");
  EXPECT_EQ(run(extensible(61), folder.path()).curve.back().step, 61) << "fewer than planned, more than done";
}

TEST(Trainer, ExtendsNothingButTheStepsAndLaterCheckpoints) {
  const TemporaryFolder folder;
  run(extensible(44), folder.path());
  const auto refused = [&](const TrainOptions& options, const char* message) {
    EXPECT_INPUT_ERROR(run(options, folder.path()), message);
  };
  TrainOptions other = extensible(70);
  other.learning_rate = 0.01;
  refused(other, "holds a finished run with other settings:\n  learning_rate: 0.001 there, 0.01 now\noverwrite");
  other = extensible(70);
  other.checkpoints = {0, 10, 25, 60};
  refused(other, "checkpoints: 0, 25 there, 0, 10, 25 now");
  refused(extensible(70, false), "keep: best there, nothing now");
  other = extensible(70);
  other.extend = false;
  refused(other, "steps: 44 there, 70 now");
  // The model of the last step is still at hand.
  other = extensible(70);
  other.checkpoints = {0, 25, 44, 60};
  EXPECT_EQ(run(other, folder.path()).resumed_at, 44);
  run(other, folder / "whole");
  EXPECT_EQ(read_bytes(folder / "step_44/model.safetensors"), read_bytes(folder / "whole/step_44/model.safetensors"));
  EXPECT_EQ(read_bytes(folder / "curve.csv"), read_bytes(folder / "whole/curve.csv"));
}

TEST(Trainer, CannotExtendARunOfAVersionThatKeptNoState) {
  const TemporaryFolder folder;
  run(extensible(44, false), folder.path());
  std::filesystem::remove_all(folder / "state");
  const auto before = files_of(folder.path());
  EXPECT_TRUE(is_trained(small_config(), sums(0), sums(1), extensible(44, false), folder.path(), Seed(3)));
  EXPECT_INPUT_ERROR(run(extensible(70, false), folder.path()), "without its optimiser's state");
  EXPECT_INPUT_ERROR(run(extensible(43, false), folder.path()), "has done 44 steps, and 43 are asked for");
  EXPECT_THAT(differences(files_of(folder.path()), before), ::testing::IsEmpty());
}

TEST(Trainer, AGoalEndsAnExtendedRunWhereItEndedBefore) {
  const TemporaryFolder folder;
  const auto trained = [&](int64_t steps) {
    TrainOptions options = extensible(steps);
    options.weight_decay = 0.1;
    options.stop_at_test_accuracy = 0.9;
    return train(small_config(), sums(0), sums(0), options, folder.path(), Seed(3));
  };
  const TrainResult first = trained(1000), longer = trained(2000);
  EXPECT_LT(first.curve.back().step, 1000);
  EXPECT_EQ(longer.curve.back().step, first.curve.back().step);
  EXPECT_EQ(fingerprint(longer.model), fingerprint(first.model));
}

TEST(Trainer, KeepsTheEarliestOfTheBestModels) {
  const TemporaryFolder folder;
  TrainOptions options = kShort;
  options.steps = 120;
  options.weight_decay = 0.1;
  options.keep_best = true;
  options.checkpoints = {};
  for (int64_t step = 0; step <= options.steps; step += 10) options.checkpoints.push_back(step);
  // Trained and tested on the same rows: the accuracy rises to 1 and stays there.
  const TrainResult result = train(small_config(), sums(0), sums(0), options, folder.path(), Seed(3));
  ASSERT_TRUE(result.best);
  int n_equal = 0;
  for (const CurvePoint& point : result.curve) {
    EXPECT_LE(point.test_accuracy, result.best->test_accuracy);
    if (point.test_accuracy == result.best->test_accuracy) ++n_equal;
    if (point.step < result.best->step) {
      EXPECT_LT(point.test_accuracy, result.best->test_accuracy);
    }
  }
  EXPECT_GT(n_equal, 1) << "else this tests no ties";
  EXPECT_EQ(fingerprint(load_model(folder / "best")),
            fingerprint(load_model(folder / fmt::format("step_{}", result.best->step))));
  EXPECT_NE(fingerprint(load_model(folder / "best")), fingerprint(load_model(folder / "final")));
  EXPECT_FALSE(run(kShort, folder / "last_only").best);
  EXPECT_FALSE(std::filesystem::exists(folder / "last_only/best"));
}

TEST(Trainer, AnUnfinishedRunLeavesModelsToUse) {
  const TemporaryFolder folder;
  TrainOptions killed = extensible(70);
  killed.stop_requested = [](int64_t step) -> bool {
    if (step == 37) throw std::runtime_error("killed");
    return false;
  };
  EXPECT_THROW(run(killed, folder / "killed"), std::runtime_error);
  EXPECT_EQ(fingerprint(load_model(folder / "killed/latest")),
            fingerprint(run(extensible(30), folder / "thirty").model));  // save_every = 15
  load_model(folder / "killed/best");
  EXPECT_CPROBE_ERROR(ErrorKind::kInterrupted, run(stopped_after(37, extensible(70)), folder / "killed"),
                      "latest is the model so far");
  EXPECT_EQ(fingerprint(load_model(folder / "killed/latest")),
            fingerprint(run(extensible(37), folder / "thirty_seven").model));
  killed.stop_requested = [](int64_t) -> bool { throw std::runtime_error("killed"); };
  EXPECT_THROW(run(killed, folder / "at_once"), std::runtime_error);
  EXPECT_EQ(fingerprint(load_model(folder / "at_once/latest")), fingerprint(load_model(folder / "thirty/step_0")));
}

TEST(Trainer, AKilledRunGoesOnFromTheLastSavedState) {
  const TemporaryFolder folder;
  TrainOptions killed = kShort;
  killed.stop_requested = [](int64_t step) -> bool {
    if (step == 37) throw std::runtime_error("killed");
    return false;
  };
  EXPECT_THROW(run(killed, folder / "killed"), std::runtime_error);
  const TrainResult rest = run(kShort, folder / "killed");
  EXPECT_EQ(rest.resumed_at, 30);  // save_every = 15
  EXPECT_EQ(fingerprint(rest.model), fingerprint(run(kShort, folder / "whole").model));
}

TEST(Trainer, CheckpointsLoadBackWithEqualLogits) {
  const TemporaryFolder folder;
  const TrainResult result = run(kShort, folder.path());
  const Model loaded = load_model(folder / "final");
  const Dataset data = sums(1);
  const auto all_logits = [&data](const Model& model) {
    return logits(model,
                  run_span(model, data.trie, embed(model, data.trie), Site::start(), Site::end(model.config)).rows);
  };
  EXPECT_TRUE(at::equal(all_logits(loaded), all_logits(result.model)));
  EXPECT_FALSE(at::equal(all_logits(load_model(folder / "step_25")), all_logits(result.model)));
  // Step 0 is the model as drawn.
  EXPECT_EQ(fingerprint(load_model(folder / "step_0")),
            fingerprint(random_model(small_config(), Seed(3).derive("train/weights"))));
}

TEST(Trainer, EqualRowsCountOnceEach) {
  const TemporaryFolder folder;
  const std::vector<std::vector<int64_t>> rows = {{1, 7}, {1, 7}, {1, 7}, {2, 7}};
  const Dataset data = {.source = "equal", .trie = build_trie(rows), .answers = at::tensor({5, 5, 6, 4}, at::kLong)};
  TrainOptions options = kShort;
  options.steps = 400;
  options.checkpoints = {};
  options.weight_decay = 0;
  const CurvePoint last = train(small_config(), data, data, options, folder.path(), Seed(1)).curve.back();
  // Best possible: 2/3 and 1/3 on the answers to "1 7", and 1 on the answer of the other row.
  EXPECT_NEAR(last.train_loss, -(2 * std::log(2.0 / 3) + std::log(1.0 / 3)) / 4, 0.01);
  EXPECT_DOUBLE_EQ(last.train_accuracy, 0.75);
}

TEST(Trainer, RefusesToGoOnWithOtherSettingsAndNamesThem) {
  const TemporaryFolder folder;
  expect_interrupted(10, folder.path());
  TrainOptions faster = kShort;
  faster.learning_rate = 0.01;
  EXPECT_INPUT_ERROR(run(faster, folder.path()), "learning_rate: 0.001 there, 0.01 now");
  EXPECT_INPUT_ERROR(run(kShort, folder.path(), 5), "seed: 3 there, 5 now");
  EXPECT_INPUT_ERROR(train(small_config(), sums(0), sums(0), kShort, folder.path(), Seed(3)), "test_data: ");
  EXPECT_EQ(run(kShort, folder.path()).resumed_at, 10);
}

TEST(Trainer, RefusesAFinishedRunUnlessAskedToOverwrite) {
  const TemporaryFolder folder;
  run(kShort, folder.path());
  EXPECT_TRUE(is_done(kShort, folder.path()));
  EXPECT_INPUT_ERROR(run(kShort, folder.path()), "finished run with these settings");
  TrainOptions other = kShort;
  other.checkpoints = {5};
  EXPECT_FALSE(is_done(other, folder.path()));
  EXPECT_INPUT_ERROR(run(other, folder.path()), "checkpoints: 0, 25 there, 5 now");
  write_bytes(folder / "notes.txt", "mine");
  other.overwrite = true;
  EXPECT_EQ(run(other, folder.path()).resumed_at, 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "step_25"));
  EXPECT_EQ(read_bytes(folder / "notes.txt"), "mine");
}

TEST(Trainer, OverwritingAlsoGoesOnAfterAStop) {
  const TemporaryFolder folder;
  run(kShort, folder.path(), 8);
  TrainOptions overwriting = kShort;
  overwriting.overwrite = true;
  EXPECT_CPROBE_ERROR(ErrorKind::kInterrupted, run(stopped_after(20, overwriting), folder.path()), "stopped");
  EXPECT_EQ(run(overwriting, folder.path()).resumed_at, 20);
}

TEST(Trainer, SaysThatASavedStateIsDamaged) {
  const TemporaryFolder folder;
  expect_interrupted(10, folder.path());
  const std::filesystem::path state = folder / "state/training.safetensors";
  const std::string bytes = read_bytes(state);
  std::string flipped = bytes;
  flipped[bytes.size() - 100] = static_cast<char>(flipped[bytes.size() - 100] ^ 1);
  write_bytes(state, flipped);
  EXPECT_INPUT_ERROR(run(kShort, folder.path()), "the checksum does not match");
  for (const size_t length : {size_t{0}, size_t{100}, bytes.size() - 1}) {
    write_bytes(state, bytes.substr(0, length));
    EXPECT_INPUT_ERROR(run(kShort, folder.path()), "overwrite the run");
  }
  TrainOptions overwriting = kShort;
  overwriting.overwrite = true;
  EXPECT_EQ(run(overwriting, folder.path()).resumed_at, 0);
}

TEST(Trainer, StopsEarlyAtATestAccuracy) {
  const TemporaryFolder folder;
  TrainOptions options = kShort;
  options.steps = 1000;
  options.checkpoints = {};
  options.stop_at_test_accuracy = 0.9;
  options.weight_decay = 0.1;
  const TrainResult result = train(small_config(), sums(0), sums(0), options, folder.path(), Seed(3));
  EXPECT_GE(result.curve.back().test_accuracy, 0.9);
  EXPECT_LT(result.curve.back().step, 1000);
  EXPECT_TRUE(is_trained(small_config(), sums(0), sums(0), options, folder.path(), Seed(3)));
}

TEST(TrainInMemory, TakesTheSameSteps) {
  const TemporaryFolder folder;
  const TrainResult written = run(kShort, folder.path());
  const Model start = random_model(small_config(), Seed(3).derive("train/weights"));
  const std::string before = fingerprint(start);
  std::vector<CurvePoint> curve;
  const Model model = train_in_memory(start, sums(0), sums(1), kShort, [&](const CurvePoint& point) {
    curve.push_back(point);
    return true;
  });
  EXPECT_EQ(fingerprint(model), fingerprint(written.model));
  EXPECT_EQ(fingerprint(start), before);
  ASSERT_EQ(curve.size(), 5u);
  EXPECT_EQ(curve.back().step, 40);
  EXPECT_EQ(curve.back().test_loss, written.curve.back().test_loss);
  EXPECT_EQ(curve[0].train_loss, written.curve[0].train_loss);
}

TEST(TrainInMemory, EndsWhenTold) {
  const Model start = random_model(small_config(), Seed(3));
  const auto trained = [&](int64_t last) {
    return fingerprint(
        train_in_memory(start, sums(0), sums(1), kShort, [&](const CurvePoint& point) { return point.step < last; }));
  };
  EXPECT_EQ(trained(0), fingerprint(start)) << "before the first step";
  TrainOptions twenty = kShort;
  twenty.steps = 20;
  twenty.checkpoints = {};
  EXPECT_EQ(trained(20),
            fingerprint(train_in_memory(start, sums(0), sums(1), twenty, [](const CurvePoint&) { return true; })));
}

TEST(Trainer, RefusesOptionsOutOfRange) {
  const TemporaryFolder folder;
  TrainOptions options = kShort;
  options.checkpoints = {41};
  EXPECT_INPUT_ERROR(run(options, folder.path()), "checkpoint 41: expected a step from 0 to 40");
  options = kShort;
  options.beta2 = 1;
  EXPECT_INPUT_ERROR(run(options, folder.path()), "beta2 must be in [0, 1), not 1");
}

}  // namespace
}  // namespace cprobe
