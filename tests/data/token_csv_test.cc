#include "cprobe/data/token_csv.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;

constexpr int64_t kVocab = 114;

class ArithmeticCsv : public ::testing::Test {
 protected:
  Dataset load(const std::string& bytes) {
    return load_token_csv(testing::write_bytes(folder_ / "train.csv", bytes), kVocab);
  }

  testing::TemporaryFolder folder_;
};

const std::string kGood =
    ",data,labels,counterfactual_data,var_0,aux_3,CF_FN_0\n"
    "0,76 88 113,66,78 33 113,13,-12,var_0 counter_var_1 +\n"
    "1,76 4 113,41,18 72 113,57,27,var_0 counter_var_1 +\n";

TEST_F(ArithmeticCsv, LoadsTokensAnswersAndVariables) {
  const Dataset dataset = load(kGood);
  EXPECT_EQ(dataset.trie.n_rows(), 2);
  EXPECT_EQ(dataset.trie.n_nodes(), 5);  // The rows share their first token.
  EXPECT_TRUE(dataset.answers.equal(at::tensor(std::vector<int64_t>{66, 41})));
  EXPECT_THAT(dataset.variables, ElementsAre(Key("aux_3"), Key("var_0")));
  EXPECT_TRUE(dataset.variables.at("aux_3").equal(at::tensor(std::vector<int64_t>{-12, 27})));
  EXPECT_THAT(dataset.source, ::testing::HasSubstr("train.csv"));
}

TEST_F(ArithmeticCsv, TakesWindowsLineEndsAndAByteOrderMark) {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : kGood) {
    text += c == '\n' ? "\r\n" : std::string(1, c);
  }
  EXPECT_TRUE(load(text).answers.equal(load(kGood).answers));
}

TEST_F(ArithmeticCsv, NamesTheMissingColumn) {
  EXPECT_INPUT_ERROR(load("data,var_0\n1 2,3\n"), "labels");
  EXPECT_INPUT_ERROR(load("labels,var_0\n1,3\n"), "data");
}

TEST_F(ArithmeticCsv, NamesTheLineThatIsBroken) {
  EXPECT_INPUT_ERROR(load("data,labels\n1 2,3\n1 2\n"), "train.csv:3");
  EXPECT_INPUT_ERROR(load("data,labels\n1 2,3\n1 x,3\n"), "train.csv:3");
  EXPECT_INPUT_ERROR(load("data,labels\n1 2,3\n,3\n"), "train.csv:3");
  EXPECT_INPUT_ERROR(load("data,labels\n1 2,3.0\n"), "train.csv:2");
}

TEST_F(ArithmeticCsv, ReadsOnlyTheVariablesThatAreUsed) {
  const std::string of_text = "data,labels,var_0\n1 2,3,4\n1 2,3,many\n",
                    of_blanks = "data,labels,var_0\n1 2,3,\n1 2,3,4\n";
  EXPECT_FALSE(load(of_text).variables.contains("var_0"));
  EXPECT_FALSE(load(of_blanks).variables.contains("var_0"));
  const auto ask = [&](const std::string& bytes) {
    return load_token_csv(testing::write_bytes(folder_ / "train.csv", bytes), kVocab, {.variables = {"var_0"}});
  };
  EXPECT_INPUT_ERROR(ask(of_text), "train.csv:3: column 'var_0': expected a whole number");
  EXPECT_INPUT_ERROR(ask(of_blanks), "train.csv:2: column 'var_0': empty");
  EXPECT_TRUE(
      ask("data,labels,var_0\n1 2,3,4.0\n1 2,3,-5\n").variables.at("var_0").equal(at::tensor({4, -5}, at::kLong)));
}

TEST_F(ArithmeticCsv, NumbersClassesTogetherInAllFilesAndInSources) {
  const auto write = [&](const char* name, const std::string& rows) {
    return testing::write_bytes(folder_ / name, "data,labels,size,counter_size\n" + rows);
  };
  const std::vector<Dataset> sets = load_token_csvs(
      {write("a.csv", "1 2,3,small,large\n1 3,3,large,small\n"), write("b.csv", "1 2,3,medium,small\n")}, kVocab,
      {.variables = {"size"}});
  EXPECT_THAT(sets[0].class_names.at("size"), ElementsAre("large", "medium", "small"));
  EXPECT_TRUE(sets[0].variables.at("size").equal(at::tensor({2, 0}, at::kLong)));
  EXPECT_TRUE(sets[0].variables.at("counter_size").equal(at::tensor({0, 2}, at::kLong)));
  EXPECT_TRUE(sets[1].variables.at("size").equal(at::tensor({1}, at::kLong)));
}

TEST_F(ArithmeticCsv, NamesTheTokenOutsideTheVocabulary) {
  EXPECT_INPUT_ERROR(load("data,labels\n1 2,3\n1 114,3\n"),
                     "train.csv:3: column 'data': 114 is outside the model's vocabulary of 114 tokens (0 to 113)");
  EXPECT_INPUT_ERROR(load("data,labels\n-1 2,3\n"), "column 'data': -1 is outside");
  EXPECT_INPUT_ERROR(load("data,labels\n1 2,3\n1 2,200\n"), "train.csv:3: column 'labels': 200 is outside");
}

TEST_F(ArithmeticCsv, RefusesFilesWithoutRows) {
  EXPECT_INPUT_ERROR(load(""), "train.csv");
  EXPECT_INPUT_ERROR(load("data,labels\n"), "no rows");
  EXPECT_INPUT_ERROR(load_token_csv(folder_ / "absent.csv", kVocab), "absent.csv");
}

}  // namespace
}  // namespace cprobe
