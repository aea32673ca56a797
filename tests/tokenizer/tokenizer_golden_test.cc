/// Compares tokenizers with the recorded results of Hugging Face's implementation.
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
  EXPECT_GE(recorded.size(), 161U);
  for (const Document& row : recorded) {
    const std::string text = row.at("text").as_text();
    const Encoding encoding = tokenizer.encode(text);
    if (const Document* ids = row.find("ids_with_special")) {
      EXPECT_THAT(tokenizer.encode(text, TemplateTokens::kAll).ids, ElementsAreArray(integers(*ids))) << row.where();
    }
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
    // Tokens of one character that normalisation changed all cover the whole of it.
    for (size_t i = 1; i < encoding.ids.size(); ++i) {
      EXPECT_GE(encoding.begin[i], encoding.begin[i - 1]) << row.where();
      EXPECT_GE(encoding.end[i], encoding.end[i - 1]) << row.where();
    }
    if (tokenizer.decode(encoding.ids) == text) ++n_whole;
  }
  const std::map<std::string, size_t> least = {
      {"gpt2", 161}, {"smollm2", 140}, {"tiny", 161}, {"sp-llama2", 200}, {"sp-gemma", 200}};
  const auto found = least.find(GetParam());
  EXPECT_GE(n_whole, found == least.end() ? 1U : found->second);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerGolden,
                         ::testing::Values("gpt2", "smollm2", "tiny", "sp-llama2", "sp-first", "sp-always", "sp-never",
                                           "sp-gemma", "sp-added", "bytes-llama3", "bytes-qwen", "bytes-added"),
                         [](const auto& model) {
                           std::string name = model.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace cprobe
