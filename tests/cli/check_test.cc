// `cprobe check` as a user calls it.

#include <nlohmann/json.hpp>

#include "tests/cli/language_run.h"

namespace cprobe::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Check : public ::testing::Test {
 protected:
  Check() { write_language_model(folder_ / "model", "gpt2", 16); }

  /// What check says of sentences under a spec without sizes and batch.
  /// @param more  keys of the task, and of the spec below it.
  ProgramResult check(const std::string& csv, const std::string& task, const std::string& more = "",
                      const std::vector<std::string>& options = {"--json"}) const {
    write_bytes(folder_ / "rows.csv", csv);
    write_bytes(folder_ / "spec.yaml",
                fmt::format("model: {}\ntask:\n  sentences: {}\n{}\n{}\n", (folder_ / "model").string(),
                            (folder_ / "rows.csv").string(), task, more));
    std::vector<std::string> arguments = {"check", (folder_ / "spec.yaml").string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return cprobe(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(Check, ShowsRowsWithTheirTokensAndClassesByName) {
  std::string csv = "sentence;tense;frequency\r\n";
  for (int i = 0; i < 12; ++i)
    csv += fmt::format("{} q {};{};{}\r\n", i % 2 == 0 ? 'a' : 'b', "cdefghijklmn"[i], i % 2 == 0 ? "past" : "present",
                       i == 3 ? "" : "1.5");
  const std::string task = "  name: mine\n  expect: {continuation: ' are', against: ' is', where: {tense: past}}";
  const ProgramResult result = check(csv, task, "variables: [tense]");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto said = nlohmann::json::parse(result.out);
  EXPECT_THAT(said["rows"], SizeIs(8));
  EXPECT_EQ(said["parts"], (nlohmann::json{{"train", 8}, {"IID", 4}}));
  EXPECT_EQ(said["classes"], (nlohmann::json{{"tense", {{"past", 6}, {"present", 6}}}}));
  for (const auto& row : said["rows"]) {
    const int64_t number = row["row"];
    EXPECT_EQ(row["class"], number % 2 == 0 ? "past" : "present");
    EXPECT_THAT(row["token"].get<std::string>(), ::testing::EndsWith(std::string(1, "cdefghijklmn"[number])));
    EXPECT_THAT(row["text"].get<std::string>(), HasSubstr(number % 2 == 0 ? "a q " : "b q "));
  }
  EXPECT_THAT(said["continuations"], ElementsAre("' are' against ' is'"));
  EXPECT_THAT(said["notes"], SizeIs(1));
  EXPECT_THAT(said["warnings"], SizeIs(0));
  const ProgramResult text = check(csv, task, "variables: [tense]", {});
  EXPECT_THAT(text.out, HasSubstr("a q [")) << text.err;
  EXPECT_THAT(text.out, HasSubstr("present"));
  EXPECT_THAT(text.out, HasSubstr("Types of tense: word 0"));
}

TEST_F(Check, ShowsTheSpecialTokensOfTheTokenizer) {
  SmallTokenizer tokenizer = language_tokenizer();
  tokenizer.post_processor = token_template({{"abc", 258}});
  write_bytes(folder_ / "model/tokenizer.json", tokenizer.json());
  const auto said = [&](const std::string& task, const std::string& more) {
    const ProgramResult result = check(small_sentences(), "  name: agreement\n" + task, more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  };
  const auto last = said("", "");
  for (const auto& row : last["rows"]) {
    EXPECT_THAT(row["text"].get<std::string>(), ::testing::StartsWith("abc"));
    EXPECT_EQ(row["text"].get<std::string>().size(), 8u);
  }
  EXPECT_THAT(last["notes"].dump(), HasSubstr("the tokenizer puts abc before each row"));
  EXPECT_THAT(last["warnings"], SizeIs(0));
  const auto first = said("", "position: 0");
  EXPECT_EQ(first["rows"][0]["token"], "abc");
  EXPECT_THAT(first["warnings"].dump(), HasSubstr("position 0 counts the special tokens"));
  EXPECT_THAT(first["warnings"].dump(), HasSubstr("the text begins at position 1"));
  EXPECT_EQ(said("", "position: 1")["rows"][0]["token"].get<std::string>().size(), 1u);
  const auto none = said("  special_tokens: none\n", "position: 0");
  EXPECT_EQ(none["rows"][0]["text"].get<std::string>().size(), 5u);
  EXPECT_EQ(none["notes"].dump().find("the tokenizer puts"), std::string::npos);
  EXPECT_THAT(none["warnings"], SizeIs(0));
}

TEST_F(Check, WarnsOfRowsThatAreThereTwice) {
  std::string csv = small_sentences();
  csv += csv.substr(csv.find('\n') + 1);  // each sentence twice
  csv += "a q c,1\n";
  const ProgramResult result = check(csv, "  name: agreement\n  train_rows: 20\n  test_rows: 5");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto said = nlohmann::json::parse(result.out);
  std::string warnings;
  for (const auto& warning : said["warnings"]) warnings += warning.get<std::string>() + "\n";
  EXPECT_THAT(warnings, HasSubstr("are rows to train on as well"));
  EXPECT_THAT(warnings, HasSubstr("such as 'a q c', have another value of 'agreement'"));
}

TEST_F(Check, MarksTheTokenOfRowsOfNumbers) {
  write_bytes(folder_ / "spec.yaml", ToyRun::get().spec() + "position: 1\n");
  const ProgramResult result = cprobe({"check", (folder_ / "spec.yaml").string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ::testing::ContainsRegex("[0-6] \\[[0-6]\\] 7"));
}

}  // namespace
}  // namespace cprobe::testing
