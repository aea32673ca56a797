/// Folders that say one thing each, compared with what transformers 4.57 makes of them
/// (tests/golden/make_tokenizer_golden.py), and the identity that they have.
#include <nlohmann/json.hpp>

#include "tests/support.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using testing::SmallTokenizer;
using testing::write_bytes;

/// The recorded cases.
const nlohmann::json& cases() {
  static const nlohmann::json read = [] {
    std::ifstream stream(std::string(CPROBE_SOURCE_DIR) + "/tests/golden/tokenizers.json");
    return nlohmann::json::parse(stream);
  }();
  return read;
}

std::string name_of(const nlohmann::json& one) {
  return one.at("name").get<std::string>();
}

class TokenizerFolder : public ::testing::TestWithParam<nlohmann::json> {};

TEST_P(TokenizerFolder, GivesTheIdsOfTransformersOrIsRefused) {
  const nlohmann::json& one = GetParam();
  const testing::TemporaryFolder folder;
  for (const auto& [file, content] : one.at("files").items()) write_bytes(folder / file, content.dump());
  if (one.contains("refused")) {
    try {
      Tokenizer::load(folder.path());
      FAIL() << "not refused";
    } catch (const Error& error) {
      for (const auto& part : one.at("refused")) {
        EXPECT_THAT(std::string(error.what()), ::testing::HasSubstr(part.get<std::string>()));
      }
    }
    return;
  }
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  for (size_t i = 0; i < one.at("texts").size(); ++i) {
    const auto text = one.at("texts")[i].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text).ids, one.at("ids")[i].get<std::vector<int64_t>>()) << text;
    EXPECT_EQ(tokenizer.encode(text, TemplateTokens::kAll).ids,
              one.at("ids_with_special")[i].get<std::vector<int64_t>>())
        << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Recorded, TokenizerFolder, ::testing::ValuesIn(cases().begin(), cases().end()),
                         [](const auto& one) { return name_of(one.param); });

TEST(TokenizerConfig, IsForgottenWithoutIt) {
  const testing::TemporaryFolder folder;
  write_bytes(folder / "tokenizer.json", SmallTokenizer().json());
  write_bytes(folder / "tokenizer_config.json",
              R"({"tokenizer_class": "LlamaTokenizer", "bos_token": "abc", "pad_token": "<pad>"})");
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_THAT(tokenizer.encode("a<pad>", TemplateTokens::kAll).ids, ElementsAre(258, 'a', 262));
  EXPECT_EQ(tokenizer.without_config().encode("<pad>", TemplateTokens::kAll).ids.size(), 5U);
  EXPECT_EQ(tokenizer.size(), 260) << "without tokens that only tokenizer_config.json adds";
}

}  // namespace
}  // namespace cprobe
