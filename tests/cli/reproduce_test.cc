// `cprobe reproduce` as a user calls it; its figures are tested in tests/experiment.

#include "tests/cli/language_run.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

/// Sentences of the built-in lexicon, at a token for most letters.
constexpr int64_t kContext = 128;

class ReproduceExp4 : public ::testing::Test {
 protected:
  ReproduceExp4() { write_language_model(folder_ / "model", "gpt2", kContext); }

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

}  // namespace
}  // namespace cprobe::testing
