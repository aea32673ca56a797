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

TEST(Similar, IsNearestUnlessMoreThanHalfDiffers) {
  const std::vector<std::string> columns = {"noun", "gender"};
  EXPECT_EQ(similar("gendr", columns), "gender");
  EXPECT_EQ(similar("sentence", columns), std::nullopt);
  EXPECT_EQ(similar("a", std::vector<std::string>{}), std::nullopt);
}

TEST(Escaped, ReplacesTheGivenCharactersOnly) {
  EXPECT_EQ(escaped("a<b>&<", {{'<', "&lt;"}, {'&', "&amp;"}}), "a&lt;b>&amp;&lt;");
  EXPECT_EQ(escaped("a\u00E9\"", {{'"', "\"\""}}), "a\u00E9\"\"");
  EXPECT_EQ(escaped("", {{'a', "b"}}), "");
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
