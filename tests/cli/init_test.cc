// `cprobe init` and `cprobe schema` as a user calls them.

#include <nlohmann/json.hpp>

#include "cprobe/io/atomic_file.h"
#include "tests/cli/language_run.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Init : public ::testing::Test {
 protected:
  Init() { write_language_model(folder_ / "model", "gpt2", 24); }

  ProgramResult init(const std::string& csv, std::vector<std::string> options = {}) const {
    write_bytes(folder_ / "rows.csv", csv);
    options.insert(options.begin(), {"init", (folder_ / "rows.csv").string(), "--model", (folder_ / "model").string()});
    return cprobe(options);
  }

  std::string rows(const std::string& header, const std::function<std::string(int)>& row) const {
    std::string csv = header + "\n";
    for (int i = 0; i < 24; ++i) csv += row(i) + "\n";
    return csv;
  }

  TemporaryFolder folder_;
};

TEST_F(Init, WritesASpecThatCheckTakes) {
  const std::string csv = rows("line,verb,lemma,tense,note", [](int i) {
    const char verb = static_cast<char>('c' + i % 12);
    return fmt::format("a q {} r,{},{}-,{},{}", verb, verb, verb, i % 2 == 0 ? "past" : "present",
                       i % 3 == 0 ? "" : "x");
  });
  const std::string spec = (folder_ / "spec.yaml").string();
  const ProgramResult written = init(csv, {"-o", spec});
  ASSERT_EQ(written.exit_code, 0) << written.err;
  const std::string text = read_file(spec);
  EXPECT_THAT(text, HasSubstr("text: line"));
  EXPECT_THAT(text, HasSubstr("at: {word: verb}"));
  EXPECT_THAT(text, HasSubstr("# split_by: lemma"));
  EXPECT_THAT(text, HasSubstr("variables: [tense]"));
  EXPECT_THAT(text, HasSubstr("where: {tense: past}"));
  const ProgramResult checked = cprobe({"check", spec, "--json"});
  ASSERT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_EQ(nlohmann::json::parse(checked.out)["parts"], (nlohmann::json{{"train", 16}, {"IID", 8}}));
  const ProgramResult again = init(csv, {"-o", spec});
  EXPECT_NE(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("--overwrite replaces it"));
  EXPECT_EQ(init(csv, {"-o", spec, "--overwrite"}).exit_code, 0);
}

TEST_F(Init, TakesADivisionThatTheFileHas) {
  const ProgramResult result = init(rows("sentence,label,part", [](int i) {
    return fmt::format("a {} q,\"x: {}\",{}", static_cast<char>('c' + i % 12), i % 2, i < 16 ? "train" : "test");
  }));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("split: part"));
  EXPECT_THAT(result.out, HasSubstr("variables: [label]"));
  EXPECT_THAT(result.out, HasSubstr("where: {label: \"x: 0\"}"));
  EXPECT_THAT(result.out, Not(HasSubstr("split_by")));
}

TEST_F(Init, SaysWhyNoColumnIsAVariable) {
  const ProgramResult result = init(rows("sentence,score,note,kind,name", [](int i) {
    return fmt::format("a {} q,{}.5,{},one,name{}", static_cast<char>('c' + i % 12), i, i % 2 == 0 ? "" : "x", i);
  }));
  EXPECT_NE(result.exit_code, 0);
  for (const char* why : {"score (real numbers; task.bins makes classes of them)", "note (has empty fields)",
                          "kind (one value)", "name (24 values in 24 rows)"}) {
    EXPECT_THAT(result.err, HasSubstr(why));
  }
  EXPECT_THAT(init("a,b\n1,2\n").err, HasSubstr("no column holds sentences"));
  EXPECT_THAT(init("sentence,b\n").err, HasSubstr("no rows below the header"));
  EXPECT_THAT(init("data,labels\n1 2,3\n").err, HasSubstr("rows of tokens"));
}

TEST(Schemas, AreThoseBesideTheExamples) {
  const std::filesystem::path examples = std::filesystem::path(CPROBE_SOURCE_DIR) / "examples";
  for (const char* kind : {"spec", "task", "lexicon"}) {
    const ProgramResult result = cprobe({"schema", kind});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, read_file(examples / "schema" / fmt::format("{}.json", kind)));
  }
  EXPECT_THAT(cprobe({"schema", "specs"}).err, HasSubstr("spec, task and lexicon"));
}

TEST(Schemas, AreNamedByEveryExample) {
  const std::filesystem::path examples = std::filesystem::path(CPROBE_SOURCE_DIR) / "examples";
  for (const auto& [folder, of_spec] :
       {std::pair(examples, "schema/spec.json"), std::pair(examples / "tasks", "../schema/task.json")}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".yaml") continue;
      const bool is_lexicon = entry.path().stem() == "lexicon" || entry.path().stem() == "other_nouns";
      const std::string schema = is_lexicon ? "schema/lexicon.json" : of_spec;
      EXPECT_THAT(read_file(entry.path()), ::testing::StartsWith("# yaml-language-server: $schema=" + schema + "\n"))
          << entry.path();
    }
  }
}

}  // namespace
}  // namespace cprobe::testing
