#include "cprobe/tokenizer/regex.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The matches of a pattern as texts.
std::vector<std::string> matches(std::string_view pattern, const std::string& text) {
  std::vector<std::string> result;
  for (const TextRange& match : Regex::compile(pattern, "test").matches(text)) {
    result.push_back(text.substr(match.begin, match.end - match.begin));
  }
  return result;
}

TEST(Regex, FindsMatchesFromLeftToRight) {
  EXPECT_THAT(matches("a|bc", "xabcbca"), ElementsAre("a", "bc", "bc", "a"));
  EXPECT_THAT(matches("(ab)+|c{2,3}", "ababcccc"), ElementsAre("abab", "ccc"));
  EXPECT_THAT(matches("x", ""), IsEmpty());
}

TEST(Regex, AnEmptyMatchDoesNotFollowAMatch) {
  EXPECT_THAT(matches("a*", "baac"), ElementsAre("", "aa", ""));
  EXPECT_THAT(matches("", "\u00E9z"), ElementsAre("", "", ""));
}

TEST(Regex, LiteralsHaveNoMeaning) {
  const auto found = Regex::literal("a.", "test").matches("ab a.");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].begin, 3U);
}

TEST(Regex, SetsAreThoseOfOniguruma) {
  EXPECT_THAT(matches(R"(\s)", "\u180E\u00A0\u0085\u200B\u3000"), ElementsAre("\u00A0", "\u0085", "\u3000"));
  EXPECT_THAT(matches(R"([^\S\n])", "a \n\t"), ElementsAre(" ", "\t"));
  EXPECT_THAT(matches(R"(\w)", "\u00BD\u203F-\u0301\u2160\u2460"), ElementsAre("\u00BD", "\u203F", "\u0301", "\u2160"));
  EXPECT_THAT(matches(R"(\d)", "1\u0663\u00BD"), ElementsAre("1", "\u0663"));
  EXPECT_THAT(matches(R"(\p{Han})", "\u65E5\u3001"), ElementsAre("\u65E5"));
  EXPECT_THAT(matches(R"(\P{L}[\v])", "1\v1\f"), ElementsAre("1\v"));
}

TEST(Regex, IgnoresCaseAsUnicodeFolds) {
  EXPECT_THAT(matches("(?i:'s|k)", "'S'\u017FK\u212Ax"), ElementsAre("'S", "'\u017F", "K", "\u212A"));
  EXPECT_THAT(matches("(?i:a)b", "AbAB"), ElementsAre("Ab"));
}

TEST(Regex, AnchorsHoldAtLines) {
  EXPECT_THAT(matches("^.", "ab\ncd\n"), ElementsAre("a", "c"));
  EXPECT_THAT(matches(".$", "ab\ncd"), ElementsAre("b", "d"));
  EXPECT_THAT(matches(R"(\A.|.\z)", "ab\ncd"), ElementsAre("a", "d"));
}

TEST(Regex, RefusesWhatTheEnginesReadDifferently) {
  const auto expect_refused = [](std::string_view pattern, const std::string& what, size_t at) {
    EXPECT_INPUT_ERROR(Regex::compile(pattern, "here"), "here: the pattern '" + std::string(pattern) + "' has " + what);
    EXPECT_INPUT_ERROR(Regex::compile(pattern, "here"), fmt::format("(at byte {} of it)", at));
  };
  expect_refused(R"(ab\h)", R"(the escape '\h')", 2);
  expect_refused(R"(\bx)", R"(the escape '\b')", 0);
  expect_refused(R"((a)\1)", R"(the escape '\1')", 3);
  expect_refused(R"([\w])", R"('\w' inside a class)", 1);
  expect_refused("[[:alpha:]]", "a '[' inside a class", 1);
  expect_refused("[a&&b]", "a '&&' inside a class", 2);
  expect_refused("[a-c-e]", "a '-' amidst a class", 4);
  expect_refused("[]a]", "an empty class", 1);
  expect_refused("[b-a]", "a range without an end, or that ends before it begins", 1);
  expect_refused("[ab", "a class that is never closed", 0);
  expect_refused("a(?i)b", "a group that begins with '(?'", 1);
  expect_refused("(?<n>a)", "a group that begins with '(?'", 0);
  expect_refused("(a", "a group that is never closed", 0);
  expect_refused("a)", "a ')' without its '('", 1);
  expect_refused("a**", "a '*' with nothing before it", 2);
  expect_refused("(?=a)*", "a '*' with nothing before it", 5);
  expect_refused("a{1,2}+", "a '+' after braces", 6);
  expect_refused("a{2}?", "a '?' after {n}", 4);
  expect_refused("a{,2}", "a '{' that is not {n}", 1);
  expect_refused("a{x", "a '{' that is not {n}", 1);
  expect_refused(R"(\p{Foo})", "the property 'Foo'", 0);
  expect_refused(R"(\pL)", R"(a \p without {..})", 0);
  expect_refused(R"(\x{110000})", "an escape that is no Unicode character", 0);
  expect_refused(R"(\u12)", "a bad hexadecimal escape", 0);
  expect_refused("(?i:ss)", "one of ss, ff, fi, fl and st where case is ignored", 5);
  expect_refused("(?i:\u00E9)", "a character outside ASCII where case is ignored", 4);
  expect_refused(R"((?i:\p{L}))", "a set of letters where case is ignored", 4);
  expect_refused("a\\", "a backslash at its end", 1);
}

TEST(Regex, NamesTheOffsetOfWhatDoesNotCompile) {
  EXPECT_INPUT_ERROR(Regex::compile("\u00E9(?<=a+)", "here"), "here: the pattern '\u00E9(?<=a+)' does not compile");
  EXPECT_INPUT_ERROR(Regex::compile("a{70000}", "here"), "(at byte 1 of it)");
  EXPECT_INPUT_ERROR(Regex::compile(std::string(500, '('), "here"), "a group that is never closed");
  const std::string nested = fmt::format("{}a{}", std::string(500, '('), std::string(500, ')'));
  EXPECT_INPUT_ERROR(Regex::compile(nested, "here"), "too deeply nested (at byte 251 of it)");
}

TEST(Regex, GivesUpOnEndlessBacktracking) {
  const Regex endless = Regex::compile("(?:a|aa)+[bc]", "here");
  EXPECT_INPUT_ERROR(endless.matches(std::string(60, 'a')), "here: the pattern '(?:a|aa)+[bc]' cannot be matched");
}

TEST(Regex, MatchesLongRepetitions) {
  const std::string text(300'000, 'a');
  EXPECT_EQ(matches("(?:a|b)+", text).size(), 1U);
}

}  // namespace
}  // namespace cprobe
