#include "cprobe/evaluate/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/evaluate/checks.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::failures;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::small_model;
using testing::TemporaryFolder;
using testing::tiny_config;

TEST(Compare, DividesByTheLargestExpectedValue) {
  const Check check = compare("x", at::tensor({1.0, -3.0}), at::tensor({1.0, -4.0}), 0.2);
  EXPECT_DOUBLE_EQ(check.difference, 0.25);
  EXPECT_FALSE(check.ok);
  EXPECT_EQ(check.detail, "entry [1]: -3 here, -4 expected");
  EXPECT_TRUE(compare("x", at::tensor({1.0, -3.0}), at::tensor({1.0, -4.0}), 0.25).ok);
}

TEST(Compare, TakesTheDifferenceAsItIsWhereZeroIsExpected) {
  EXPECT_DOUBLE_EQ(compare("x", at::full({2, 2}, 0.5), at::zeros({2, 2}), 1.0).difference, 0.5);
}

TEST(Compare, FailsOnNotANumber) {
  const at::Tensor ours = at::tensor({1.0, std::numeric_limits<double>::quiet_NaN()});
  EXPECT_FALSE(compare("x", ours, at::ones({2}, at::kDouble), 1e9).ok);
}

TEST(Examine, PassesOnARandomModel) {
  const std::vector<Check> checks = examine(small_model());
  EXPECT_EQ(checks.size(), 3u);
  EXPECT_THAT(failures(checks), IsEmpty());
}

TEST(Examine, PassesOnAModelWithOnePosition) {
  ModelConfig config = tiny_config();
  config.n_positions = 1;
  EXPECT_THAT(failures(examine(random_model(config, Seed(0)))), IsEmpty());
}

TEST(Examine, NamesAWeightThatIsNotFinite) {
  Model model = small_model();
  model.weights.at("layers.1.mlp.in.bias")[4] = std::numeric_limits<float>::infinity();
  const std::vector<Check> checks = examine(model);
  EXPECT_THAT(failures(checks), ElementsAre(HasSubstr("layers.1.mlp.in.bias holds 1 NaN or infinite values")));
}

TEST(Examine, NamesAWeightOfAnotherShape) {
  Model model = small_model();
  model.weights.at("final_norm.bias") = at::zeros({9});
  EXPECT_THAT(failures(examine(model)), ElementsAre(HasSubstr("final_norm.bias is [9], expected [8]")));
}

TEST(ExamineTokenizer, AcceptsFewerTokensThanTheModelEmbeds) {
  const TemporaryFolder folder;
  testing::write_bytes(folder / "vocab.json", R"({"a": 0, "b": 1, "ab": 12})");
  const std::vector<Check> checks = examine_tokenizer(tiny_config(), folder.path());
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_TRUE(checks[0].ok);
  EXPECT_EQ(checks[0].detail, "3 tokens, ids 0 to 12; the model embeds ids 0 to 12");
}

TEST(ExamineTokenizer, CountsAddedTokensThatTheModelLacks) {
  const TemporaryFolder folder;
  testing::write_bytes(folder / "tokenizer.json",
                       R"({"added_tokens": [{"id": 13, "content": "<x>"}, {"id": 1, "content": "b"}],
                           "model": {"vocab": {"a": 0, "b": 1}}})");
  const std::vector<Check> checks = examine_tokenizer(tiny_config(), folder.path());
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_FALSE(checks[0].ok);
  EXPECT_EQ(checks[0].difference, 1);
  EXPECT_THAT(checks[0].detail, HasSubstr("3 tokens, ids 0 to 13"));
}

TEST(ExamineTokenizer, SaysWhereAFileIsNoVocabulary) {
  const TemporaryFolder folder;
  testing::write_bytes(folder / "vocab.json", R"({"a": "zero"})");
  EXPECT_INPUT_ERROR(examine_tokenizer(tiny_config(), folder.path()), "vocab.json:1:7");
}

}  // namespace
}  // namespace cprobe
