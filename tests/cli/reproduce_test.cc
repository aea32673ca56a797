// `cprobe reproduce` as a user calls it. Figures are tested in tests/reproduce.

#include "tests/cli/language_run.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

/// A context that holds sentences of the built-in lexicon, with a token for most letters.
constexpr int64_t kReproducedContext = 128;

class ReproduceExp4 : public ::testing::Test {
 protected:
  ReproduceExp4() { write_language_model(folder_ / "model", "gpt2", kReproducedContext); }

  ProgramResult reproduce(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {
        "reproduce", "exp4", "--model", (folder_ / "model").string(), "--out", (folder_ / "exp4").string(),
        "--threads", "1",    "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return cprobe(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(ReproduceExp4, TakesTheBuiltInSentencesAndPrintsTheTable) {
  const ProgramResult result = reproduce(
      {"--tasks", "agreement", "--layers", "0", "--train-rows", "500", "--test-rows", "50", "--random-controls", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, ::testing::Not(HasSubstr("1 of 1"))) << "no progress where none is wanted";
  EXPECT_THAT(result.out, HasSubstr(read_bytes(folder_ / "exp4/table.txt")));
  EXPECT_THAT(result.out, HasSubstr("Nothing is published for this model"));
  EXPECT_THAT(result.out, HasSubstr("L0.mlp"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "exp4/agreement/results.csv"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "exp4/reflexive"));
}

TEST_F(ReproduceExp4, RefusesWhatItCannotDoBeforeItBegins) {
  const auto refused = [&](const std::vector<std::string>& more, const char* message) {
    const ProgramResult result = reproduce(more);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "exp4")) << message;
  };
  refused({"--tasks", "agreement,tense"}, "tense");
  refused({"--layers", "0,9"}, "L9.attn: the model has layers 0 to 1");
  refused({"--train-rows", "10"}, "at least 500 training rows");
  refused({"--data", (folder_ / "nowhere").string()}, "SV_Agr.csv");
  EXPECT_EQ(cprobe({"reproduce", "exp4", "--out", (folder_ / "exp4").string()}).exit_code, 2) << "no model";
}

TEST(ReproduceExp2, RefusesWhatItCannotDoBeforeItBegins) {
  const TemporaryFolder folder;
  const std::string out = (folder / "exp2").string();
  const auto refused = [&](const std::vector<std::string>& more, const char* message) {
    std::vector<std::string> arguments = {"reproduce", "exp2", "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = cprobe(arguments);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(out)) << message;
  };
  refused({"--distractor", "random"}, "random");
  refused({"--steps", "0"}, "at least one seed and one training step");
  refused({"--seeds", "0"}, "at least one seed and one training step");
}

TEST(ReproduceExp3, StoppedInTrainingSaysSoAndKeepsItsData) {
  const TemporaryFolder folder;
  const std::filesystem::path out = folder / "exp3";
  const std::vector<std::string> command = {"reproduce", "exp3", "--out", out.string(), "--threads", "1", "--quiet"};
  Program stopped(command);
  ASSERT_TRUE(stopped.is_busy_after(out / "seed_0/state/training.safetensors"));
  stopped.send(SIGINT);
  const ProgramResult result = stopped.wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("so the same command goes on from there"));
  std::vector<std::string> other = command;
  other.insert(other.end(), {"--steps", "300"});
  EXPECT_THAT(cprobe(other).err, HasSubstr("20000 there, 300 now"));
}

}  // namespace
}  // namespace cprobe::testing
