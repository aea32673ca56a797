/// Compares the tokenizers of three models with the recorded results of Hugging Face's
/// implementation.
#include "cprobe/tokenizer/tokenizer.h"
#include "tests/shared_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAreArray;

class TokenizerGolden : public ::testing::TestWithParam<const char*> {
 protected:
  std::filesystem::path folder() const { return testing::shared_folder() / "golden" / "tokenizers" / GetParam(); }

  void SetUp() override {
    const auto encodings = folder() / "encodings.jsonl";
    if (!std::filesystem::exists(encodings)) GTEST_SKIP() << testing::not_shared(encodings);
  }

  /// The recorded rows: text, ids and tokens, one row per line of the file.
  std::vector<Document> rows() const {
    std::vector<Document> result;
    std::ifstream stream(folder() / "encodings.jsonl");
    for (std::string line; std::getline(stream, line);) {
      result.push_back(Document::parse_json(line, fmt::format("encodings.jsonl, row {}", result.size() + 1)));
    }
    return result;
  }
};

std::vector<int64_t> integers(const Document& list) {
  std::vector<int64_t> result;
  for (const Document& item : list.items()) result.push_back(item.as_integer());
  return result;
}

std::vector<std::string> texts(const Document& list) {
  std::vector<std::string> result;
  for (const Document& item : list.items()) result.push_back(item.as_text());
  return result;
}

TEST_P(TokenizerGolden, GivesTheRecordedIdsAndTokens) {
  const auto tokenizer = Tokenizer::load(folder());
  const auto recorded = rows();
  EXPECT_EQ(recorded.size(), 161U);
  for (const Document& row : recorded) {
    const Encoding encoding = tokenizer.encode(row.at("text").as_text());
    EXPECT_THAT(encoding.ids, ElementsAreArray(integers(row.at("ids")))) << row.where();
    std::vector<std::string> tokens;
    for (const int64_t id : encoding.ids) tokens.push_back(tokenizer.token(id));
    EXPECT_THAT(tokens, ElementsAreArray(texts(row.at("tokens")))) << row.where();
  }
}

/// Every text comes back, except bytes that no token stands for. SmolLM2's vocabulary lacks some
/// bytes.
TEST_P(TokenizerGolden, DecodesToTheTextThatTokensCover) {
  const auto tokenizer = Tokenizer::load(folder());
  size_t n_whole = 0;
  for (const Document& row : rows()) {
    const std::string text = row.at("text").as_text();
    const Encoding encoding = tokenizer.encode(text);
    size_t covered = 0;
    for (size_t i = 0; i < encoding.ids.size(); ++i) {
      EXPECT_GE(encoding.begin[i], covered) << row.where();
      covered = std::max(covered, encoding.end[i]);
    }
    if (tokenizer.decode(encoding.ids) == text) ++n_whole;
  }
  EXPECT_GE(n_whole, std::string(GetParam()) == "smollm2" ? 140U : 161U);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerGolden, ::testing::Values("gpt2", "smollm2", "tiny"),
                         [](const auto& model) { return std::string(model.param); });

}  // namespace
}  // namespace cprobe
