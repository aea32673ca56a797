#include "tests/support.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::small_vocabulary;
using testing::tokens_of;
using testing::write_bytes;

/// A folder with vocab.json and merges.txt.
class Gpt2Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string vocab = small_vocabulary();
    vocab.replace(vocab.size() - 1, 1, R"(, "<|endoftext|>": 260})");
    write("vocab.json", vocab);
    write("merges.txt", "#version: 0.2\na b\nĠ a\n");
  }
  void write(const char* name, std::string_view text) { write_bytes(folder_ / name, text); }
  Tokenizer load() const { return Tokenizer::load(folder_.path()); }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(Gpt2Files, AreReadAsTransformersDoes) {
  EXPECT_THAT(tokens_of(load(), "ab a<|endoftext|>"), ElementsAre("ab", "Ġa", "<|endoftext|>"));
  EXPECT_EQ(load().decode(std::vector<int64_t>{256, 259, 260}), "ab a<|endoftext|>");
  write("merges.txt", "#version: 0.2\r\na b\r\n");
  EXPECT_THAT(tokens_of(load(), "ab a"), ElementsAre("ab", "Ġ", "a"));
}

TEST_F(Gpt2Files, NameTheLineOfABadMerge) {
  write("merges.txt", "#version: 0.2\na b\na b\n");
  EXPECT_INPUT_ERROR(load(), "merges.txt:3: the merge of 'a' and 'b' stands twice");
  write("merges.txt", "#version: 0.2\n\n");
  EXPECT_INPUT_ERROR(load(), "merges.txt:2: expected two tokens");
  write("merges.txt", "a b\n");
  EXPECT_INPUT_ERROR(load(), "merges.txt:1: expected a line that begins with '#version'");
  write("merges.txt", "#version: 0.2\na b");
  EXPECT_INPUT_ERROR(load(), "merges.txt: the last line does not end with a line feed");
  write("merges.txt", "#version: 0.2\n\xFF b\n");
  EXPECT_INPUT_ERROR(load(), "merges.txt:2: not UTF-8");
}

TEST_F(Gpt2Files, AreRefusedWithoutGpt2sToken) {
  write("vocab.json", small_vocabulary());
  EXPECT_INPUT_ERROR(load(), "vocab.json:1:1: the token <|endoftext|> is missing");
}

TEST_F(Gpt2Files, MayStandBesideFilesThatSayNoMore) {
  write("special_tokens_map.json",
        R"({"eos_token": "<|endoftext|>", "bos_token": {"content": "<|endoftext|>", "lstrip": false}})");
  write("added_tokens.json", R"({"<|endoftext|>": 260})");
  write("tokenizer_config.json",
        R"({"add_prefix_space": false, "tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024})");
  EXPECT_NO_THROW(load());
}

TEST_F(Gpt2Files, HaveATemplateIfTheConfigAddsBos) {
  EXPECT_THAT(load().token_template().before, ElementsAre());
  write("tokenizer_config.json", R"({"add_bos_token": true, "tokenizer_class": "GPT2Tokenizer"})");
  EXPECT_THAT(load().encode("ab", TemplateTokens::kAll).ids, ElementsAre(260, 256));
}

TEST_F(Gpt2Files, AreRefusedBesideFilesThatChangeIds) {
  write("special_tokens_map.json", R"({"pad_token": "<pad>"})");
  EXPECT_INPUT_ERROR(load(), "special_tokens_map.json:1:15: pad_token: a special token other than <|endoftext|>");
  write("special_tokens_map.json", R"({"eos_token": {"content": "<|endoftext|>", "lstrip": true}})");
  EXPECT_INPUT_ERROR(load(), "eos_token: a special token other than <|endoftext|>");
  write("special_tokens_map.json", "{}");
  write("added_tokens.json", R"({"<pad>": 261})");
  EXPECT_INPUT_ERROR(load(), "added_tokens.json:1:11: <pad>: the added token '<pad>' is not read");
  write("added_tokens.json", "{}");
  write("tokenizer_config.json", R"({"add_prefix_space": true})");
  EXPECT_INPUT_ERROR(load(), "add_prefix_space is not supported with vocab.json");
  write("tokenizer_config.json", R"({"pad_token": "<pad>"})");
  EXPECT_INPUT_ERROR(load(), "pad_token: a special token other than <|endoftext|>");
  write("tokenizer_config.json", R"({"additional_special_tokens": ["<x>"]})");
  EXPECT_INPUT_ERROR(load(), "additional_special_tokens: special tokens other than <|endoftext|>");
  write("tokenizer_config.json", R"({"add_eos_token": true})");
  EXPECT_INPUT_ERROR(load(), "add_eos_token: add_eos_token is not supported with vocab.json");
  write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  EXPECT_INPUT_ERROR(load(), "expected GPT2Tokenizer, found RobertaTokenizer");
}

}  // namespace
}  // namespace cprobe
