#include "cprobe/core/utf8.h"

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(Utf8, AcceptsEveryLengthUpToTheLastCodePoint) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, RefusesEveryIllFormedSequence) {
  for (const char* bad : {"\x80", "\xC0\xAF", "\xC1\x81", "\xC3", "\xC3(", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x9F\x98", "\xFF", "\xFE"}) {
    EXPECT_FALSE(is_utf8(bad)) << ::testing::PrintToString(bad);
  }
}

TEST(Utf8, SaysWhereTheFirstBadByteStands) {
  EXPECT_EQ(utf8_prefix("ab\xC3\xA9\xFFz"), 4U);
  EXPECT_EQ(utf8_prefix("ab"), 2U);
}

TEST(Utf8, GoesBothWays) {
  for (const char32_t c : {U'a', U'\u00E9', U'\u07FF', U'\u0800', U'\uFFFF', U'\U00010000', U'\U0010FFFF'}) {
    std::string text = "x";
    append_utf8(text, c);
    size_t offset = 1;
    EXPECT_EQ(next_code_point(text, offset), c);
    EXPECT_EQ(offset, text.size());
    EXPECT_EQ(previous_begin(text, text.size()), 1U);
  }
}

TEST(Utf8, ReplacesEachIncompleteCharacterOnce) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(replace_invalid_utf8("a\xE6\x97"), "a" + r);
  EXPECT_EQ(replace_invalid_utf8("\xE6\x97z\x80"), r + "z" + r);
  EXPECT_EQ(replace_invalid_utf8("\xF0\x9F\x98\xF0\x9F\x98\x80"), r + "\U0001F600");
  EXPECT_EQ(replace_invalid_utf8("\xC0\x80\xED\xA0\x80"), r + r + r + r + r);
  EXPECT_EQ(replace_invalid_utf8("\xF4\x90\x80\x80\xFF"), r + r + r + r + r);
}

}  // namespace
}  // namespace cprobe
