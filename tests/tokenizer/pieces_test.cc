#include "cprobe/tokenizer/pieces.h"

#include "cprobe/tokenizer/byte_alphabet.h"
#include "cprobe/tokenizer/nfc.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> split(std::string_view pattern, SplitBehavior behavior, bool invert, std::string_view text) {
  Pieces pieces = one_piece(text);
  split_pieces(pieces, Regex::compile(pattern, "test"), behavior, invert);
  std::vector<std::string> result;
  for (const Pieces::Piece& piece : pieces.pieces) result.emplace_back(pieces.text_of(piece));
  return result;
}

TEST(SplitPieces, DoesWithMatchesWhatTheBehaviorSays) {
  const std::string text = "the-final--countdown";
  EXPECT_THAT(split("-", SplitBehavior::kRemoved, false, text), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(split("-", SplitBehavior::kIsolated, false, text),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(split("-", SplitBehavior::kMergedWithPrevious, false, text),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(split("-", SplitBehavior::kMergedWithNext, false, text), ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(split("-", SplitBehavior::kContiguous, false, text), ElementsAre("the", "-", "final", "--", "countdown"));
}

TEST(SplitPieces, InvertsMatches) {
  EXPECT_THAT(split("[a-z]+", SplitBehavior::kRemoved, true, "ab--c"), ElementsAre("ab", "c"));
  EXPECT_THAT(split("[a-z]", SplitBehavior::kMergedWithPrevious, true, "ab--c"), ElementsAre("a", "b--", "c"));
}

TEST(SplitPieces, DropsEmptyPieces) {
  EXPECT_THAT(split("", SplitBehavior::kIsolated, false, "ab"), ElementsAre("a", "b"));
  EXPECT_THAT(split(".", SplitBehavior::kRemoved, false, "ab"), IsEmpty());
  EXPECT_THAT(split("a", SplitBehavior::kIsolated, false, ""), IsEmpty());
}

std::vector<std::string> texts_of(const Pieces& pieces) {
  std::vector<std::string> result;
  for (const Pieces::Piece& piece : pieces.pieces) result.emplace_back(pieces.text_of(piece));
  return result;
}

/// The pieces of "ab|ab" behind `prepend_to_pieces`.
std::vector<std::string> prepended(std::string_view text, Prepend which, bool goes_on = false) {
  Pieces pieces = one_piece(text);
  pieces.goes_on = goes_on;
  split_pieces(pieces, Regex::literal("|", "test"), SplitBehavior::kRemoved, false);
  prepend_to_pieces(pieces, "_", which);
  return texts_of(pieces);
}

TEST(PrependToPieces, KnowsWhichPieces) {
  EXPECT_THAT(prepended("a|_b", Prepend::kToAll), ElementsAre("_a", "__b"));
  EXPECT_THAT(prepended("a|_b|c", Prepend::kUnlessThere), ElementsAre("_a", "_b", "_c"));
  EXPECT_THAT(prepended("a|b", Prepend::kAtTextsStart), ElementsAre("_a", "b"));
  EXPECT_THAT(prepended("_a|b", Prepend::kAtTextsStart), ElementsAre("_a", "b"));
  EXPECT_THAT(prepended("|a", Prepend::kAtTextsStart), ElementsAre("a"));
  EXPECT_THAT(prepended("a|b", Prepend::kToAll, true), ElementsAre("a", "_b"));
  EXPECT_THAT(prepended("", Prepend::kToAll), IsEmpty());
}

TEST(ReplaceInPieces, KeepsTheOriginOfWhatItPutsThere) {
  Pieces pieces = one_piece("xaay");
  replace_in_pieces(pieces, Regex::compile("a+", "test"), "--");
  EXPECT_THAT(texts_of(pieces), ElementsAre("x--y"));
  EXPECT_EQ(pieces.content.origin[2].begin, 1U);
  EXPECT_EQ(pieces.content.origin[2].end, 3U);
  EXPECT_EQ(pieces.content.origin[3].begin, 3U);
}

TEST(ReplaceInPieces, DropsPiecesOfWhichNothingIsLeft) {
  Pieces pieces = one_piece("a|b");
  split_pieces(pieces, Regex::literal("|", "test"), SplitBehavior::kRemoved, false);
  replace_in_pieces(pieces, Regex::literal("a", "test"), "");
  EXPECT_THAT(texts_of(pieces), ElementsAre("b"));
}

TEST(Nfc, ComposesInSmallSegments) {
  const auto segments = normalize_nfc("xe\u0323\u0301y\u1100\u1161\u11A8");
  ASSERT_EQ(segments.size(), 4U);
  EXPECT_EQ(segments[1].text, "\u1EB9\u0301");
  EXPECT_EQ(segments[1].source.begin, 1U);
  EXPECT_EQ(segments[1].source.end, 6U);
  EXPECT_FALSE(segments[2].changed);
  EXPECT_EQ(segments[3].text, "\uAC01");
}

TEST(Nfc, KnowsTheFormsOfUnicode9) {
  EXPECT_EQ(to_nfc("\u212B\u2126"), "\u00C5\u03A9");
  EXPECT_EQ(to_nfc("a\u0301\u0316"), "\u00E1\u0316");
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093C");  // A character that is never composed.
  // U+1ABF came with Unicode 13. As an unknown character, it separates the characters around it.
  EXPECT_EQ(to_nfc("a\u1ABF\u0301"), "a\u1ABF\u0301");
  EXPECT_EQ(to_nfc(""), "");
}

TEST(ByteAlphabet, GivesEveryByteASymbolOfItsOwn) {
  EXPECT_EQ(byte_symbol(' '), "\u0120");
  EXPECT_EQ(byte_symbol('\n'), "\u010A");
  EXPECT_EQ(byte_symbol('a'), "a");
  EXPECT_EQ(byte_symbol(0xAD), "\u0143");
  EXPECT_EQ(byte_symbol(0xFF), "\u00FF");
  std::string all;
  std::string symbols;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    symbols += byte_symbol(static_cast<unsigned char>(byte));
  }
  EXPECT_EQ(bytes_of_symbols(symbols), all);
  EXPECT_EQ(bytes_of_symbols("a b"), std::nullopt);
  EXPECT_EQ(bytes_of_symbols("\u0144"), std::nullopt);
  EXPECT_EQ(bytes_of_symbols("\u65E5"), std::nullopt);
}

}  // namespace
}  // namespace cprobe
