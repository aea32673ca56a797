#include "cprobe/tokenizer/tokenizer.h"

#include <thread>

#include "tests/support.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using testing::added_token;
using testing::covered;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kByteSymbols;
using testing::small_vocabulary;
using testing::SmallTokenizer;
using testing::tokens_of;

TEST(Tokenizer, MergesTheLowestRankFirst) {
  const auto tokenizer = SmallTokenizer().make();
  // "b c" ranks before "a b", and no merge joins a and bc.
  EXPECT_THAT(tokens_of(tokenizer, "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(tokens_of(tokenizer, "ab bc"), ElementsAre("ab", "Ġ", "bc"));
  EXPECT_THAT(tokenizer.encode("ab").ids, ElementsAre(256));
  EXPECT_THAT(tokenizer.encode("").ids, IsEmpty());
}

TEST(Tokenizer, SplitsAsGpt2Does) {
  const auto tokenizer = SmallTokenizer().make();
  EXPECT_THAT(covered(tokenizer, "a 1  b's"), ElementsAre("a", " ", "1", " ", " ", "b", "'", "s"));
  // A space belongs to the word behind it, so that the two may merge.
  EXPECT_THAT(tokens_of(tokenizer, "a a"), ElementsAre("a", "Ġa"));
  EXPECT_THAT(tokens_of(tokenizer, "a  a"), ElementsAre("a", "Ġ", "Ġa"));
}

TEST(Tokenizer, CoversBytesExactly) {
  const auto tokenizer = SmallTokenizer().make();
  const Encoding encoding = tokenizer.encode("\xC3\xA9 ab");
  EXPECT_THAT(encoding.ids, ElementsAre(0xC3, 0xA9, 259, 'b'));
  EXPECT_THAT(encoding.begin, ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(encoding.end, ElementsAre(1, 2, 4, 5));
}

TEST(Tokenizer, DropsBytesWithoutATokenBeforeMerging) {
  const auto tokenizer = SmallTokenizer{.vocab = small_vocabulary("x")}.make();
  EXPECT_THAT(tokens_of(tokenizer, "axb"), ElementsAre("ab"));
  EXPECT_THAT(covered(tokenizer, "xaxbx"), ElementsAre("axb"));
  EXPECT_THAT(tokens_of(tokenizer, "xx"), IsEmpty());
}

TEST(Tokenizer, PutsTheUnkTokenInPlaceOfUnknownBytes) {
  SmallTokenizer small = {.vocab = small_vocabulary("xy"), .model = R"(, "unk_token": "?")"};
  EXPECT_THAT(covered(small.make(), "axyb"), ElementsAre("a", "x", "y", "b"));
  EXPECT_THAT(tokens_of(small.make(), "axyb"), ElementsAre("a", "?", "?", "b"));
  small.model = R"(, "unk_token": "?", "fuse_unk": true)";
  EXPECT_THAT(covered(small.make(), "axyb"), ElementsAre("a", "xy", "b"));
  small.model = R"(, "unk_token": "none")";
  EXPECT_THAT(tokens_of(small.make(), "ab"), ElementsAre("ab"));
  EXPECT_INPUT_ERROR(small.make().encode("x"), "unk_token 'none' is not in its vocabulary");
}

TEST(Tokenizer, TakesAWholePieceWhereMergesAreIgnored) {
  const auto tokenizer = SmallTokenizer{.model = R"(, "ignore_merges": true)"}.make();
  EXPECT_THAT(tokens_of(tokenizer, "abc"), ElementsAre("abc"));
  EXPECT_THAT(tokens_of(tokenizer, "abca"), ElementsAre("a", "bc", "a"));
}

TEST(Tokenizer, WorksOnCharactersWithoutPreTokenizer) {
  const auto tokenizer =
      SmallTokenizer{.vocab = R"({"a": 0, "é": 5, "aé": 9})", .merges = R"(["a é"])", .pre_tokenizer = "null"}.make();
  EXPECT_THAT(tokenizer.encode("aé é").ids, ElementsAre(9, 5));
  EXPECT_THAT(covered(tokenizer, "aé é"), ElementsAre("aé", "é"));
  EXPECT_EQ(tokenizer.size(), 10);
}

TEST(Tokenizer, PutsASpaceBeforeTheText) {
  SmallTokenizer small;
  small.pre_tokenizer = R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true})";
  EXPECT_THAT(tokens_of(small.make(), "ab"), ElementsAre("Ġa", "b"));
  EXPECT_THAT(covered(small.make(), "ab"), ElementsAre("a", "b"));
  EXPECT_THAT(tokens_of(small.make(), " ab"), ElementsAre("Ġa", "b"));
  EXPECT_THAT(tokens_of(small.make(), "b"), ElementsAre("Ġ", "b"));
  EXPECT_THAT(covered(small.make(), "b"), ElementsAre("", "b"));
  EXPECT_THAT(tokens_of(small.make(), ""), IsEmpty());
  // Every piece between added tokens counts as a text and gets a space.
  small.added_tokens = "[" + added_token(260, "<s>") + "]";
  EXPECT_THAT(tokens_of(small.make(), "a<s>a"), ElementsAre("Ġa", "<s>", "Ġa"));
}

TEST(Tokenizer, PutsSpecialTokensAroundAText) {
  const auto tokenizer = SmallTokenizer{
      .added_tokens = "[" + added_token(260, "<s>", {"special"}) + "," + added_token(261, "</s>", {"special"}) + "]",
      .post_processor = testing::token_template(
          {{"<s>", 260}},
          {{"</s>", 261}})}.make();
  EXPECT_THAT(tokenizer.encode("ab").ids, ElementsAre(256));
  EXPECT_THAT(tokenizer.encode("ab", TemplateTokens::kNone).ids, ElementsAre(256));
  EXPECT_THAT(tokenizer.encode("ab", TemplateTokens::kBefore).ids, ElementsAre(260, 256));
  EXPECT_THAT(tokenizer.encode("ab", TemplateTokens::kAll).ids, ElementsAre(260, 256, 261));
  EXPECT_THAT(tokenizer.encode("", TemplateTokens::kAll).ids, ElementsAre(260, 261));
  EXPECT_THAT(tokenizer.token_template().behind, ElementsAre(261));

  const Encoding encoding = tokenizer.encode("ab a", TemplateTokens::kAll);
  EXPECT_THAT(encoding.begin, ElementsAre(0, 0, 2, 4));
  EXPECT_THAT(encoding.end, ElementsAre(0, 2, 4, 4));
  EXPECT_EQ(encoding.n_before, 1U);
  const TokenSpan word = tokens_covering(encoding, 0, 2);
  EXPECT_EQ(word.first, 1U);
  EXPECT_EQ(word.last, 2U);
}

TEST(Tokenizer, DoesNotRepeatSpecialTokensThatARowBeginsWith) {
  const auto tokenizer = testing::piece_tokenizer().make();
  const Encoding encoding = tokenizer.encode("<s>ab", TemplateTokens::kBefore);
  EXPECT_THAT(encoding.ids, ElementsAre(1, 267));
  EXPECT_EQ(encoding.n_before, 0U);
  EXPECT_THAT(tokenizer.encode("<s>ab", TemplateTokens::kAll).ids, ElementsAre(1, 1, 267)) << "as Hugging Face's do";
}

TEST(Tokenizer, WorksOnPiecesOfSentencePiece) {
  const auto tokenizer = testing::piece_tokenizer().make();
  EXPECT_THAT(tokens_of(tokenizer, "ab is"), ElementsAre("▁ab", "▁is"));
  EXPECT_THAT(covered(tokenizer, "ab is"), ElementsAre("ab", " is"));
  EXPECT_THAT(tokens_of(tokenizer, " ab"), ElementsAre("▁", "▁ab"));
  EXPECT_THAT(covered(tokenizer, " ab"), ElementsAre("", " ab"));
  EXPECT_THAT(tokens_of(tokenizer, "é"), ElementsAre("▁", "<0xC3>", "<0xA9>"));
  EXPECT_THAT(tokenizer.encode("aé").begin, ElementsAre(0, 1, 2));
  EXPECT_THAT(tokens_of(tokenizer, "ab<s>is"), ElementsAre("▁ab", "<s>", "▁is"));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab éis").ids), "ab éis");
  EXPECT_EQ(tokenizer.decode(std::vector<int64_t>{267, 3 + 0xC3, 261}),
            "ab�"
            "b");
}

TEST(Tokenizer, PutsNothingBeforeAContinuation) {
  const auto tokenizer = testing::piece_tokenizer().make();
  EXPECT_THAT(tokenizer.encode_continuation(" is"), ElementsAre(269));
  EXPECT_THAT(tokenizer.encode_continuation("is"), ElementsAre(264, 265));
  EXPECT_THAT(tokenizer.encode_continuation("</s>ab"), ElementsAre(2, 267));
  EXPECT_EQ(single_token(tokenizer, " ab"), 267);
  for (const char* scheme : {"always", "first", "never"}) {
    testing::SmallTokenizer metaspace = testing::piece_tokenizer();
    metaspace.normalizer = "null";
    metaspace.pre_tokenizer =
        fmt::format(R"({{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "{}", "split": false}})", scheme);
    EXPECT_THAT(metaspace.make().encode_continuation(" is"), ElementsAre(269)) << scheme;
    EXPECT_THAT(metaspace.make().encode_continuation("d"), ElementsAre(263)) << scheme;
  }
  SmallTokenizer bytes;
  bytes.pre_tokenizer = R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true})";
  EXPECT_THAT(bytes.make().encode_continuation("ab"), ElementsAre(256));
}

TEST(Tokenizer, ForgetsItsTemplateWithoutConfig) {
  const auto tokenizer = testing::piece_tokenizer().make();
  EXPECT_THAT(tokenizer.without_config().encode("ab", TemplateTokens::kAll).ids, ElementsAre(267));
}

TEST(Tokenizer, SplitsDigits) {
  const auto digits = [](bool individual) {
    return fmt::format(
        R"({{"type": "Sequence", "pretokenizers": [{{"type": "Digits", "individual_digits": {}}}, {}]}})", individual,
        kByteSymbols);
  };
  SmallTokenizer small = {.model = R"(, "ignore_merges": true)", .pre_tokenizer = digits(true)};
  small.vocab = R"({"1": 1, "2": 2, "12": 3, "a": 4, "a1": 5, "Ġ": 6, "Â": 7, "½": 8, "Â½": 9, "2Â½": 10})";
  small.merges = R"(["1 2", "a 1", "Â ½", "2 Â½"])";
  EXPECT_THAT(tokens_of(small.make(), "a12"), ElementsAre("a", "1", "2"));
  EXPECT_THAT(tokens_of(small.make(), "2½"), ElementsAre("2", "Â½"));
  small.pre_tokenizer = digits(false);
  EXPECT_THAT(tokens_of(small.make(), "a12"), ElementsAre("a", "12"));
  EXPECT_THAT(tokens_of(small.make(), "2½"), ElementsAre("2Â½"));
}

TEST(Tokenizer, NormalisesAndCoversTheOriginal) {
  const auto tokenizer =
      SmallTokenizer{.normalizer = R"({"type": "Sequence", "normalizers": [{"type": "NFC"}]})"}.make();
  const std::string decomposed = "xe\u0301y";
  EXPECT_EQ(tokenizer.encode(decomposed).ids, tokenizer.encode("x\u00E9y").ids);
  EXPECT_THAT(covered(tokenizer, decomposed), ElementsAre("x", "e\u0301", "e\u0301", "y"));
  EXPECT_EQ(SmallTokenizer().make().encode(decomposed).ids.size(), 5U);
}

TEST(Tokenizer, DecodesToTheText) {
  const auto tokenizer = SmallTokenizer{.added_tokens = "[" + added_token(260, "<s>", {"special"}) + "]"}.make();
  for (const std::string text : {"", "abc ab\n", "na\u00EFve \u65E5\u672C", "a<s>b", "\r\n\t"}) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text).ids), text);
  }
  EXPECT_EQ(tokenizer.decode(std::vector<int64_t>{'a', 0xE6, 0x97}), "a\uFFFD");
  EXPECT_EQ(tokenizer.decode(std::vector<int64_t>{0xFF, 'b'}),
            "\uFFFD"
            "b");
  EXPECT_INPUT_ERROR(tokenizer.decode(std::vector<int64_t>{'a', 261}), "no token has the id 261; the largest is 260");
}

TEST(Tokenizer, DecodesAsTheDecoderSays) {
  const auto decode = [](std::string_view decoder) {
    const auto tokenizer = SmallTokenizer{.decoder = std::string(decoder)}.make();
    return tokenizer.decode(std::vector<int64_t>{256, 259});
  };
  EXPECT_EQ(decode("null"), "ab Ġa");
  EXPECT_EQ(decode(R"({"type": "Fuse"})"), "abĠa");
  EXPECT_EQ(decode(R"({"type": "Sequence", "decoders": []})"), "abĠa");
  EXPECT_EQ(decode(fmt::format(R"({{"type": "Sequence", "decoders": [{{"type": "Fuse"}}, {}]}})", kByteSymbols)),
            "ab a");
}

TEST(Tokenizer, KnowsItsVocabulary) {
  const auto tokenizer =
      SmallTokenizer{.added_tokens = "[" + added_token(97, "a") + ", " + added_token(260, "<s>") + "]"}.make();
  EXPECT_EQ(tokenizer.token(259), "Ġa");
  EXPECT_EQ(tokenizer.token(260), "<s>");
  EXPECT_INPUT_ERROR(tokenizer.token(-1), "no token has the id -1");
  EXPECT_EQ(tokenizer.find("Ġa"), 259);
  EXPECT_EQ(tokenizer.find("<s>"), 260);
  EXPECT_EQ(tokenizer.find(" a"), std::nullopt);
  EXPECT_EQ(tokenizer.size(), 261);
}

TEST(Tokenizer, NamesTheByteThatIsNotUtf8) {
  EXPECT_INPUT_ERROR(SmallTokenizer().make().encode("ab\xFF"
                                                    "c"),
                     "not UTF-8 at byte 2 of its 4");
}

TEST(Tokenizer, TakesLongTextsWithoutAnyPlaceToSplit) {
  const auto tokenizer = SmallTokenizer{.pre_tokenizer = std::string(kByteSymbols)}.make();
  constexpr size_t kPairs = 200'000;
  std::string text;
  for (size_t i = 0; i < kPairs; ++i) text += "ab";
  const Encoding encoding = tokenizer.encode(text);
  EXPECT_EQ(encoding.ids, std::vector<int64_t>(kPairs, 256));
  EXPECT_EQ(encoding.end.back(), text.size());
}

TEST(Tokenizer, TakesLongTextsOfPieces) {
  const auto tokenizer = testing::piece_tokenizer().make();
  constexpr size_t kWords = 100'000;
  std::string text = "ab";
  for (size_t i = 1; i < kWords; ++i) text += " ab";
  EXPECT_EQ(tokenizer.encode(text).ids, std::vector<int64_t>(kWords, 267));
}

TEST(Tokenizer, IsSharedByThreadsAndCopies) {
  const auto tokenizer = SmallTokenizer().make();
  const std::string text = "abc ab a's 12 \u65E5\u672C";
  const auto expected = tokenizer.encode(text).ids;
  std::vector<std::vector<int64_t>> results(4);
  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (auto& result : results) {
    threads.emplace_back([copy = tokenizer, &text, &result] {
      for (int i = 0; i < 100; ++i) result = copy.encode(text).ids;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(TokensCovering, FindsTheTokensOfAWord) {
  const auto tokenizer = SmallTokenizer().make();
  const Encoding encoding = tokenizer.encode("xab abq z");  // x ab Ġa b q Ġ z
  const auto expect_span = [&](size_t begin, size_t end, size_t first, size_t last) {
    const TokenSpan span = tokens_covering(encoding, begin, end);
    EXPECT_EQ(span.first, first);
    EXPECT_EQ(span.last, last);
  };
  expect_span(0, 3, 0, 2);
  expect_span(4, 7, 2, 5);  // The space belongs to the word's first token.
  expect_span(2, 3, 1, 2);
  expect_span(0, 9, 0, 7);
  expect_span(2, 2, 0, 0);
  expect_span(9, 12, 0, 0);
}

TEST(ByteOfCharacter, CountsCodePoints) {
  const std::string text = "a\u00E9\u65E5z";
  EXPECT_EQ(byte_of_character(text, 0), 0U);
  EXPECT_EQ(byte_of_character(text, 2), 3U);
  EXPECT_EQ(byte_of_character(text, 3), 6U);
  EXPECT_EQ(byte_of_character(text, 4), 7U);
  EXPECT_INPUT_ERROR(byte_of_character(text, 5), "the text has 4 characters; there is no character 5");
  EXPECT_INPUT_ERROR(byte_of_character("\xFF", 0), "not UTF-8 at byte 0");
}

}  // namespace
}  // namespace cprobe
