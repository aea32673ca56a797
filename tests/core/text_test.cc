#include "cprobe/core/text.h"

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(Nearest, FindsTheSmallestEditDistance) {
  const std::vector<std::string> keys = {"epochs", "lr", "batch_size"};
  EXPECT_EQ(nearest("epoch", keys), "epochs");
  EXPECT_EQ(nearest("bach_sise", keys), "batch_size");
  EXPECT_EQ(nearest("l", keys), "lr");
}

TEST(Nearest, GivesTiesToTheFirstAndNothingToNoCandidates) {
  EXPECT_EQ(nearest("b", std::vector<std::string>{"a", "c"}), "a");
  EXPECT_EQ(nearest("a", std::vector<std::string>{}), "");
  EXPECT_EQ(nearest("", std::vector<std::string>{"abc", "d"}), "d");
}

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

TEST(PlaceOf, CountsLinesAndColumnsFromOne) {
  const std::string_view text = "ab\ncd\n";
  const auto expect_place = [&](size_t offset, size_t line, size_t column) {
    EXPECT_EQ(place_of(text, offset).line, line) << offset;
    EXPECT_EQ(place_of(text, offset).column, column) << offset;
  };
  expect_place(0, 1, 1);
  expect_place(2, 1, 3);
  expect_place(3, 2, 1);
  expect_place(6, 3, 1);
  expect_place(100, 3, 1);
}

}  // namespace
}  // namespace cprobe
