#include "cprobe/spec/schema.h"

#include <nlohmann/json.hpp>

#include "cprobe/spec/spec.h"
#include "tests/support.h"

namespace cprobe {
namespace {

/// The words that a value may be.
std::vector<std::string> words_of_schema(const nlohmann::json& value) {
  std::vector<std::string> words;
  for (const auto& one : value["anyOf"]) {
    if (one.contains("const")) words.push_back(one["const"]);
  }
  return words;
}

TEST(Schema, HasTheWordsThatTheParserTakes) {
  const auto schema = nlohmann::json::parse(json_schema(UserFile::kSpecFile))["properties"];
  const auto expect_words = [](const nlohmann::json& value, const auto& options) {
    std::vector<std::string> names;
    names.reserve(options.size());
    for (const auto option : options) names.emplace_back(to_string(option));
    EXPECT_THAT(words_of_schema(value), ::testing::UnorderedElementsAreArray(names));
  };
  expect_words(schema["control"], kModelControls);
  expect_words(schema["protocol"], std::array{Protocol::kDefault, Protocol::kPaper});
  expect_words(schema["blocks"], std::array{Block::kAttention, Block::kMlp});
  expect_words(schema["fit"]["properties"]["method"], kMaskKinds);
  expect_words(schema["fit"]["properties"]["unit"], kMaskUnits);
  expect_words(schema["evaluate"]["properties"]["fills"], kFills);
  expect_words(schema["evaluate"]["properties"]["correction"], std::array{Correction::kMaxT, Correction::kHolm});
}

}  // namespace
}  // namespace cprobe
