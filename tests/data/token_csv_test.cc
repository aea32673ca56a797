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
  EXPECT_INPUT_ERROR(load("data,labels,var_0\n1 2,3,4\n1 2,3,many\n"), "var_0");
  EXPECT_INPUT_ERROR(load("data,labels,var_0\n1 2,3,\n1 2,3,4\n"), "train.csv:2");
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
