/// Damaged tokenizers and texts are read or refused.
#include "tests/mutation.h"
#include "tests/support.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using testing::added_token;
using testing::expect_reads_or_refuses;
using testing::SmallTokenizer;

/// All features in a file of few bytes, so that most mutations hit one.
SmallTokenizer tiny() {
  return {.vocab = R"({"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "Ġa": 5, "1": 6, "'": 7, "s": 8})",
          .merges = R"(["a b", ["Ġ", "a"]])",
          .model = R"(, "unk_token": "c", "fuse_unk": true, "ignore_merges": false, "dropout": null)",
          .added_tokens = "[" + added_token(9, "<s>", {"lstrip", "single_word"}) + "," +
                          added_token(10, "<e>", {"rstrip", "normalized", "special"}) + "]",
          .normalizer = R"({"type": "Sequence", "normalizers": [{"type": "NFC"}]})",
          .pre_tokenizer = R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
{"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}]+[\\r\\n]*|\\s+(?!\\S)|\\s+"},
"behavior": "MergedWithNext", "invert": true}, {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": false}]})"};
}

constexpr std::string_view kText = "ab a<s> b's 12\n <e>  e\u0301 \u65E5\u672C";

TEST(TokenizerMutation, FilesAreReadOrRefused) {
  expect_reads_or_refuses(tiny().json(), [](const std::string& bytes) {
    const auto tokenizer = Tokenizer::parse(Document::parse_json(bytes, "tokenizer.json"));
    tokenizer.decode(tokenizer.encode(kText).ids);
  });
}

TEST(TokenizerMutation, FilesOfPiecesAreReadOrRefused) {
  SmallTokenizer small = testing::piece_tokenizer();
  small.vocab = R"({"<unk>": 0, "<s>": 1, "</s>": 2, "<0xC3>": 3, "<0xA9>": 4, "▁": 5, "a": 6, "▁a": 7})";
  small.merges = R"(["▁ a"])";
  small.pre_tokenizer = R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true})";
  expect_reads_or_refuses(small.json(), [](const std::string& bytes) {
    const auto tokenizer = Tokenizer::parse(Document::parse_json(bytes, "tokenizer.json"));
    const std::vector<int64_t> ids = tokenizer.encode("a é <s>a</s>\u65E5", TemplateTokens::kAll).ids;
    tokenizer.decode(ids);
  });
}

TEST(TokenizerMutation, ConfigsAreReadOrRefused) {
  const testing::TemporaryFolder folder;
  SmallTokenizer small = tiny();
  // Without patterns, which take longer to compile than all else.
  small.pre_tokenizer = testing::kByteSymbols;
  small.added_tokens = "[" + added_token(9, "<s>", {"special"}) + "]";
  testing::write_bytes(folder / "tokenizer.json", small.json());
  const std::string valid = R"({"tokenizer_class": "LlamaTokenizer", "add_bos_token": true, "add_prefix_space": null,
"bos_token": {"__type": "AddedToken", "content": "<b>", "lstrip": true}, "unk_token": "c", "legacy": true,
"additional_special_tokens": ["<x>"], "added_tokens_decoder": {"9": {"content": "<s>", "rstrip": true, "special": false}}})";
  expect_reads_or_refuses(valid, [&](const std::string& bytes) {
    // Some file systems flush a file that is written over.
    std::filesystem::remove(folder / "tokenizer_config.json");
    testing::write_bytes(folder / "tokenizer_config.json", bytes);
    Tokenizer::load(folder.path()).encode(kText, TemplateTokens::kAll);
  });
}

TEST(TokenizerMutation, PatternsAreReadOrRefused) {
  const std::string valid =
      R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\d]+[\r\n]*|\s++$|\s+(?!\S)|(?<=a)[\x{41}-\u0042]*?|.)";
  expect_reads_or_refuses(valid, [](const std::string& bytes) {
    std::string quoted;
    for (const char c : bytes) quoted += c == '\\' || c == '"' ? std::string("\\") + c : std::string(1, c);
    const SmallTokenizer small = {.vocab = R"({"a": 0})",
                                  .merges = "[]",
                                  .pre_tokenizer = R"({"type": "Split", "pattern": {"Regex": ")" + quoted +
                                                   R"("}, "behavior": "Isolated", "invert": false})"};
    small.make().encode(kText);
  });
}

TEST(TokenizerMutation, TextsAreEncodedOrRefused) {
  const auto tokenizer = tiny().make();
  expect_reads_or_refuses(std::string(kText), [&](const std::string& bytes) {
    const Encoding encoding = tokenizer.encode(bytes);
    for (size_t i = 0; i < encoding.ids.size(); ++i) {
      ASSERT_LE(encoding.begin[i], encoding.end[i]);
      ASSERT_LE(encoding.end[i], bytes.size());
    }
    tokenizer.decode(encoding.ids);
  });
}

}  // namespace
}  // namespace cprobe
