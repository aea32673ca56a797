/// Added tokens as Hugging Face's tokenizers 0.20.3 finds them.
#include "tests/support.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using testing::added_token;
using testing::covered;
using ::testing::ElementsAre;
using testing::SmallTokenizer;
using testing::tokens_of;

Tokenizer with(const std::vector<std::string>& flags, std::string_view normalizer = "null") {
  return SmallTokenizer{.added_tokens = "[" + added_token(260, "<s>", flags) + "]",
                        .normalizer = std::string(normalizer)}
      .make();
}

TEST(AddedTokens, AreFoundBeforeAnythingElse) {
  EXPECT_THAT(tokens_of(with({}), "a<s>b <s> c"), ElementsAre("a", "<s>", "b", "Ġ", "<s>", "Ġ", "c"));
  EXPECT_THAT(tokens_of(with({"special"}), "<s"), ElementsAre("<", "s"));
}

TEST(AddedTokens, TakeWhiteSpaceAlong) {
  EXPECT_THAT(covered(with({"lstrip"}), "a \u3000\n<s> b"), ElementsAre("a", " \u3000\n<s>", " ", "b"));
  EXPECT_THAT(covered(with({"rstrip"}), "a <s> \u00A0b"), ElementsAre("a", " ", "<s> \u00A0", "b"));
  EXPECT_THAT(covered(with({"lstrip", "rstrip"}), "a <s> <s> b"), ElementsAre("a", " <s> ", "<s> ", "b"));
}

TEST(AddedTokens, StandAloneIfSingleWord) {
  const auto tokenizer = with({"single_word"});
  EXPECT_THAT(tokens_of(tokenizer, "<s> <s>.<s>"), ElementsAre("<s>", "Ġ", "<s>", ".", "<s>"));
  for (const std::string beside : {"a", "_", "1", "\u00E9", "\u0301", "\u200D", "\U0001E4F0", "\u24B6"}) {
    EXPECT_GT(tokenizer.encode("<s>" + beside).ids.size(), 3U) << beside;
    EXPECT_GT(tokenizer.encode(beside + "<s>").ids.size(), 3U) << beside;
  }
  for (const std::string beside : {"-", " ", "\u00BD", "\u00B2", "\U0001F642"}) {
    EXPECT_EQ(tokenizer.encode(beside + "<s>").ids.back(), 260) << beside;
  }
}

TEST(AddedTokens, AreTheLongestOfTheLeftmost) {
  const auto tokenizer =
      SmallTokenizer{.added_tokens = "[" + added_token(260, "<s>") + "," + added_token(261, "<s><t>") + "," +
                                     added_token(262, "<t><u>") + "]"}
          .make();
  EXPECT_THAT(tokens_of(tokenizer, "<s><t><u>"), ElementsAre("<s><t>", "<", "u", ">"));
  EXPECT_THAT(tokens_of(tokenizer, "<s><t"), ElementsAre("<s>", "<", "t"));
}

TEST(AddedTokens, AreFoundInNormalisedTextIfTheySaySo) {
  constexpr std::string_view kNfc = R"({"type": "NFC"})";
  const auto tokenizer = [&](const std::vector<std::string>& flags) {
    return SmallTokenizer{.added_tokens = "[" + added_token(260, "<\u00E9>", flags) + "]",
                          .normalizer = std::string(kNfc)}
        .make();
  };
  EXPECT_THAT(covered(tokenizer({"normalized"}), "a<e\u0301>"), ElementsAre("a", "<e\u0301>"));
  EXPECT_THAT(tokens_of(tokenizer({"normalized"}), "<\u00E9>"), ElementsAre("<\u00E9>"));
  EXPECT_EQ(tokenizer({}).encode("<e\u0301>").ids.size(), 4U);
  EXPECT_THAT(tokens_of(tokenizer({}), "<\u00E9>"), ElementsAre("<\u00E9>"));
}

TEST(AddedTokens, MayBeTokensOfTheModel) {
  const auto tokenizer = SmallTokenizer{.added_tokens = "[" + added_token(256, "ab", {"special"}) + "]"}.make();
  // The added token ab is found before b and c can merge.
  EXPECT_THAT(tokens_of(tokenizer, "abc"), ElementsAre("ab", "c"));
}

TEST(AddedTokens, ThatNothingIsLeftForAreRefused) {
  const auto tokenizer = SmallTokenizer{.added_tokens = "[" + added_token(260, "<s>", {"rstrip"}) + "," +
                                                        added_token(261, "  ", {"lstrip"}) + "]"}
                             .make();
  EXPECT_INPUT_ERROR(tokenizer.encode("<s>     x"), "no text is left for the added token '  '");
}

}  // namespace
}  // namespace cprobe
