/// What a tokenizer.json may not say, and the place that the error names.
#include "tests/support.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using testing::added_token;
using ::testing::ElementsAre;
using testing::kByteLevel;
using testing::SmallTokenizer;
using testing::tokens_of;

TEST(TokenizerJson, RefusesWhatItCannotDoExactlyByName) {
  EXPECT_INPUT_ERROR(SmallTokenizer{.model = R"(, "dropout": 0.1)"}.make(),
                     "tokenizer.json:6:37: model.dropout: dropout");
  EXPECT_INPUT_ERROR(SmallTokenizer{.model = R"(, "end_of_word_suffix": "</w>")"}.make(),
                     "end_of_word_suffix ('</w>')");
  EXPECT_INPUT_ERROR(SmallTokenizer{.model = R"(, "continuing_subword_prefix": "##")"}.make(),
                     "continuing_subword_prefix");
  EXPECT_INPUT_ERROR(SmallTokenizer{.model = R"(, "ignore_mergs": true)"}.make(), "did you mean 'ignore_merges'?");
  EXPECT_INPUT_ERROR(SmallTokenizer{.normalizer = R"({"type": "Lowercase"})"}.make(),
                     "the normalizer Lowercase is not supported");
  EXPECT_INPUT_ERROR(SmallTokenizer{.normalizer = R"({"type": "Sequence", "normalizers": [{"type": "NFKC"}]})"}.make(),
                     "normalizer.normalizers[0].type: the normalizer NFKC");
  EXPECT_INPUT_ERROR(SmallTokenizer{.pre_tokenizer = R"({"type": "Whitespace"})"}.make(),
                     "the pre-tokenizer Whitespace");
  EXPECT_INPUT_ERROR(SmallTokenizer{.post_processor = R"({"type": "Other"})"}.make(),
                     "post_processor.type: the post-processor Other is not supported");
  EXPECT_INPUT_ERROR(SmallTokenizer{.decoder = R"({"type": "WordPiece"})"}.make(), "the decoder WordPiece");
  EXPECT_INPUT_ERROR(Tokenizer::parse(Document::parse_json(R"({"version": "2.0"})", "t.json")), "expected version 1.0");
  EXPECT_INPUT_ERROR(Tokenizer::parse(Document::parse_json(R"({"model": {"type": "Unigram"}})", "t.json")),
                     "t.json:1:20: model.type: the model Unigram is not supported; supported are BPE");
}

TEST(TokenizerJson, TakesOptionsThatChangeNothing) {
  const SmallTokenizer small = {
      .model =
          R"(, "dropout": 0.0, "byte_fallback": null, "continuing_subword_prefix": "", "end_of_word_suffix": null)",
      .normalizer = R"({"type": "Sequence", "normalizers": []})"};
  EXPECT_THAT(tokens_of(small.make(), "ab"), ElementsAre("ab"));
}

TEST(TokenizerJson, RefusesLyingVocabularies) {
  const auto make = [](std::string_view vocab) { SmallTokenizer{.vocab = std::string(vocab), .merges = "[]"}.make(); };
  EXPECT_INPUT_ERROR(make(R"({"a": 0, "b": 0})"),
                     "tokenizer.json:7:24: model.vocab.b: the tokens 'a' and 'b' have the same id 0");
  EXPECT_INPUT_ERROR(make(R"({"a": -1})"), "model.vocab.a: expected an id from 0 to 2^31 - 1, found -1");
  EXPECT_INPUT_ERROR(make(R"({"a": 2147483648})"), "expected an id from 0 to 2^31 - 1, found 2147483648");
  EXPECT_INPUT_ERROR(make(R"({"a": "0"})"), "expected a whole number");
  EXPECT_INPUT_ERROR(make(R"([])"), "expected a map");
  EXPECT_NO_THROW(make(R"({"a": 2147483647})"));
}

TEST(TokenizerJson, RefusesBadMerges) {
  const auto make = [](std::string_view merges) { SmallTokenizer{.merges = std::string(merges)}.make(); };
  EXPECT_INPUT_ERROR(make(R"(["a b", "a b"])"), "model.merges[1]: the merge of 'a' and 'b' stands twice");
  EXPECT_INPUT_ERROR(make(R"(["a xx"])"), "needs the token 'xx', which is not in the vocabulary");
  EXPECT_INPUT_ERROR(make(R"(["xx a"])"), "needs the token 'xx'");
  EXPECT_INPUT_ERROR(make(R"(["a d"])"), "needs the token 'ad'");
  EXPECT_INPUT_ERROR(make(R"(["ab"])"), "expected two tokens with one space between, found 'ab'");
  EXPECT_INPUT_ERROR(make(R"(["a b c"])"), "expected two tokens with one space between");
  EXPECT_INPUT_ERROR(make(R"([["a"]])"), "expected two tokens, found 1");
  EXPECT_INPUT_ERROR(make(R"([5])"), "model.merges[0]: expected a string");
  EXPECT_NO_THROW(make(R"(["#version: 0.2", "a b"])"));
}

TEST(TokenizerJson, RefusesAddedTokensWithOtherIds) {
  const auto make = [](const std::string& tokens) { SmallTokenizer{.added_tokens = "[" + tokens + "]"}.make(); };
  EXPECT_INPUT_ERROR(make(added_token(261, "<s>")), "has id 261 here, but Hugging Face's tokenizers would give it 260");
  EXPECT_INPUT_ERROR(make(added_token(260, "ab")), "would give it 256 (its id in model.vocab)");
  EXPECT_INPUT_ERROR(make(added_token(260, "<s>") + "," + added_token(260, "<t>")), "would give it 261");
  EXPECT_INPUT_ERROR(make(added_token(256, "ab") + "," + added_token(256, "ab")), "the added token 'ab' stands twice");
  EXPECT_INPUT_ERROR(make(added_token(260, "")), "an added token without text");
  EXPECT_INPUT_ERROR(make(R"({"id": 260, "content": "<s>"})"), "the key 'single_word' is missing");
  const SmallTokenizer holes = {
      .vocab = R"({"a": 0, "b": 2})", .merges = "[]", .added_tokens = "[" + added_token(2, "<s>") + "]"};
  EXPECT_INPUT_ERROR(holes.make(), "the id 2 of the added token '<s>' is another token's");
}

TEST(TokenizerJson, RefusesBadMetaspaces) {
  const auto make = [](std::string_view keys) {
    SmallTokenizer{.pre_tokenizer = fmt::format(R"({{"type": "Metaspace", {}}})", keys)}.make();
  };
  EXPECT_NO_THROW(make(R"("replacement": "▁")"));
  EXPECT_NO_THROW(make(R"("replacement": "▁", "add_prefix_space": false, "prepend_scheme": "never")"));
  EXPECT_INPUT_ERROR(make(R"("replacement": "▁▁")"), "pre_tokenizer.replacement: expected one character, found '▁▁'");
  EXPECT_INPUT_ERROR(make(R"("replacement": "▁", "prepend_scheme": "First")"),
                     "prepend_scheme: expected always, first or never, found 'First'");
  EXPECT_INPUT_ERROR(make(R"("replacement": "▁", "add_prefix_space": false)"),
                     "add_prefix_space: does not agree with prepend_scheme, which is always");
}

TEST(TokenizerJson, RefusesBadTemplates) {
  const auto make = [](const std::string& processor) { SmallTokenizer{.post_processor = processor}.make(); };
  EXPECT_NO_THROW(make(testing::token_template({{"ab", 256}}, {{"abc", 258}})));
  EXPECT_INPUT_ERROR(make(testing::token_template({{"x", 999}})),
                     "post_processor: puts a token with id 999 beside the text, but no token has this id");
  EXPECT_INPUT_ERROR(make(R"({"type": "TemplateProcessing", "single": [], "special_tokens": {}})"),
                     "post_processor.single: a template without the text itself");
  EXPECT_INPUT_ERROR(make(R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}],
                             "special_tokens": {}})"),
                     "the special token '<s>' is not among the template's special_tokens");
  EXPECT_INPUT_ERROR(make(R"({"type": "BertProcessing", "cls": ["a"], "sep": ["a", 1]})"),
                     "post_processor.cls: expected a token and its id");
}

TEST(TokenizerJson, RefusesBadSplits) {
  const auto make = [](std::string_view pattern, std::string_view behavior) {
    SmallTokenizer{.pre_tokenizer = fmt::format(
                       R"({{"type": "Split", "pattern": {}, "behavior": "{}", "invert": false}})", pattern, behavior)}
        .make();
  };
  EXPECT_INPUT_ERROR(make(R"({"Regex": "a"})", "isolated"), "pre_tokenizer.behavior: expected Removed, Isolated");
  EXPECT_INPUT_ERROR(make(R"({"Regex": "a", "String": "a"})", "Isolated"), "expected either Regex or String");
  EXPECT_INPUT_ERROR(make(R"({"Glob": "a"})", "Isolated"), "unknown key 'Glob'");
  EXPECT_INPUT_ERROR(make(R"({"Regex": "(a"})", "Isolated"),
                     "pre_tokenizer.pattern.Regex: the pattern '(a' has a group that is never closed (at byte 0");
}

TEST(TokenizerJson, IsReadFromAFolder) {
  testing::TemporaryFolder folder;
  EXPECT_INPUT_ERROR(Tokenizer::load(folder.path()),
                     "no tokenizer here: expected tokenizer.json, or vocab.json and merges.txt");
  testing::write_bytes(folder / "tokenizer.json", SmallTokenizer().json());
  EXPECT_THAT(tokens_of(Tokenizer::load(folder.path()), "ab"), ElementsAre("ab"));
  testing::write_bytes(folder / "tokenizer.json", "{");
  EXPECT_INPUT_ERROR(Tokenizer::load(folder.path()), "tokenizer.json:1:");
}

}  // namespace
}  // namespace cprobe
