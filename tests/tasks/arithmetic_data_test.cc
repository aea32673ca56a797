#include "cprobe/tasks/arithmetic_data.h"

#include <set>

#include "cprobe/data/token_csv.h"
#include "cprobe/io/document.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using Records = std::vector<std::vector<std::string>>;

ArithmeticTask small_task(SymbolKind distractor = SymbolKind::kBijection) {
  return {.name = "small",
          .modulus = 11,
          .symbols = {{.name = "a"}, {.name = "b"}, {.name = "R", .kind = distractor, .of = "b"}},
          .tokens = {"a", "R", "b", "11"},
          .answer = "a - b",
          .variables = {{"var_0", "a"}, {"var_1", "-b"}},
          .auxiliaries = {{"aux_0", "R"}},
          .counterfactuals = {"var_0 counter_var_1 +"},
          .train_fraction = 0.6};
}

Records all_rows(const ArithmeticTable& table) {
  Records rows = table.train;
  rows.insert(rows.end(), table.test.begin(), table.test.end());
  return rows;
}

/// The values of the distractor (column aux_0) that occur with each value of b (column var_1).
std::map<std::string, std::set<std::string>> distractors_by_operand(const ArithmeticTable& table) {
  std::map<std::string, std::set<std::string>> seen;
  for (const std::vector<std::string>& row : all_rows(table)) {
    seen[row[6]].insert(row[8]);
  }
  return seen;
}

TEST(Generate, HasThePapersColumnsAndThoseOfTypes) {
  const ArithmeticTable table = generate(small_task(), Seed(0));
  EXPECT_THAT(table.columns, ElementsAre("", "data", "labels", "counterfactual_data", "var_0", "counter_var_0", "var_1",
                                         "counter_var_1", "aux_0", "counter_aux_0", "CF_Label_0", "CF_FN_0",
                                         "type_of_var_0", "type_of_var_1", "type_of_aux_0"));
  EXPECT_EQ(table.train.size(), 72u);  // .6 * 121 = 72.6
  EXPECT_EQ(table.test.size(), 49u);
  EXPECT_EQ(table.train[3][0], "3");
  EXPECT_EQ(table.test[3][0], "3");
  const std::vector<std::string> types(table.train[3].end() - 3, table.train[3].end());
  EXPECT_THAT(types, ElementsAre("0", "2", "1")) << "the tokens are a, R, b and 11";
}

TEST(Generate, HoldsEveryCombinationOnce) {
  std::set<std::pair<std::string, std::string>> combinations;
  for (const std::vector<std::string>& row : all_rows(generate(small_task(), Seed(0)))) {
    combinations.emplace(row[4], row[6]);
  }
  EXPECT_EQ(combinations.size(), 121u);
}

TEST(Generate, IsTheSameForTheSameSeed) {
  for (const SymbolKind kind : {SymbolKind::kBijection, SymbolKind::kUniform}) {
    const ArithmeticTable first = generate(small_task(kind), Seed(3));
    const ArithmeticTable again = generate(small_task(kind), Seed(3));
    EXPECT_EQ(first.train, again.train);
    EXPECT_EQ(first.test, again.test);
    EXPECT_NE(first.train, generate(small_task(kind), Seed(4)).train);
  }
}

TEST(Generate, PairsEachRowWithAnotherOfItsSplit) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const ArithmeticTable table = generate(small_task(), Seed(seed));
    for (const Records* split : {&table.train, &table.test}) {
      std::set<std::string> data;
      std::set<std::string> paired;
      for (const std::vector<std::string>& row : *split) {
        EXPECT_NE(row[1], row[3]) << "a row is its own pair, seed " << seed;
        data.insert(row[1]);
        paired.insert(row[3]);
      }
      EXPECT_EQ(data, paired);
    }
  }
}

TEST(Generate, LabelsCounterfactualsWithThePairedRowsVariable) {
  for (const std::vector<std::string>& row : generate(small_task(), Seed(0)).train) {
    const int64_t expected = (std::stoll(row[4]) + std::stoll(row[7]) + 11) % 11;  // a - counter b
    EXPECT_EQ(row[10], std::to_string(expected));
    EXPECT_EQ(row[11], "var_0 counter_var_1 +");
  }
}

TEST(Generate, DrawsDistractorsOnceOrForEveryRow) {
  std::set<std::string> images;
  for (const auto& [operand, distractors] : distractors_by_operand(generate(small_task(), Seed(0)))) {
    EXPECT_EQ(distractors.size(), 1u) << "b = " << operand;
    images.insert(distractors.begin(), distractors.end());
  }
  EXPECT_EQ(images.size(), 11u);
  for (const auto& [operand, distractors] :
       distractors_by_operand(generate(small_task(SymbolKind::kUniform), Seed(0)))) {
    EXPECT_GT(distractors.size(), 3u) << "b = " << operand;
  }
}

TEST(Generate, RoundsTheSplitDownAsWritten) {
  ArithmeticTask task = small_task();
  task.modulus = 10;
  for (const auto& [fraction, n_train] : std::map<double, size_t>{{.29, 29}, {.57, 57}, {.333, 33}, {.999, 99}}) {
    task.train_fraction = fraction;
    if (n_train == 99) {
      EXPECT_INPUT_ERROR(generate(task, Seed(0)), "the test split has 1 rows");
    } else {
      EXPECT_EQ(generate(task, Seed(0)).train.size(), n_train);
    }
  }
}

TEST(Generate, NamesTheRowThatHasNoValue) {
  ArithmeticTask task = small_task();
  task.answer = "a / (b + 1)";
  EXPECT_INPUT_ERROR(generate(task, Seed(0)), "task small: answer 'a / (b + 1)' is not an exact whole number");
  EXPECT_INPUT_ERROR(generate(task, Seed(0)), "where a = ");
}

TEST(Generate, RefusesTasksThatAreTooLargeOrBroken) {
  ArithmeticTask task = small_task();
  task.modulus = 2003;
  EXPECT_INPUT_ERROR(generate(task, Seed(0)), "over 2000000 rows");
  task = small_task();
  task.symbols[2].of = "c";
  EXPECT_INPUT_ERROR(generate(task, Seed(0)), "distractor 'R' follows 'c', which is no operand");
  task = small_task();
  task.tokens[0] = "A";
  EXPECT_INPUT_ERROR(generate(task, Seed(0)), "token 'A' is neither a number nor a symbol");
}

TEST(WriteArithmeticCsv, WritesTheSameBytesForTheSameSeed) {
  const testing::TemporaryFolder folder;
  for (const char* run : {"one", "two"}) {
    write_arithmetic_csv(generate(small_task(), Seed(5)), folder / run);
  }
  const std::string train = testing::read_bytes(folder / "one" / "train.csv");
  EXPECT_EQ(train, testing::read_bytes(folder / "two" / "train.csv"));
  EXPECT_EQ(testing::read_bytes(folder / "one" / "test.csv"), testing::read_bytes(folder / "two" / "test.csv"));
  EXPECT_TRUE(train.starts_with(",data,labels,counterfactual_data,var_0,counter_var_0,"));
}

TEST(WriteArithmeticCsv, WritesWhatTheLoaderReads) {
  const testing::TemporaryFolder folder;
  const ArithmeticTable table = generate(small_task(), Seed(5));
  write_arithmetic_csv(table, folder.path());
  const Dataset dataset = load_token_csv(folder / "train.csv", vocabulary(small_task()));
  ASSERT_EQ(dataset.trie.n_rows(), 72);
  // Three variables, their counterparts, one counterfactual label.
  EXPECT_EQ(dataset.variables.size(), 7u);
  for (int64_t row = 0; row < 72; ++row) {
    const std::vector<std::string>& record = table.train[static_cast<size_t>(row)];
    EXPECT_EQ(std::to_string(dataset.answers[row].item<int64_t>()), record[2]);
    EXPECT_EQ(std::to_string(dataset.variables.at("var_1")[row].item<int64_t>()), record[6]);
    EXPECT_EQ(std::to_string(dataset.variables.at("CF_Label_0")[row].item<int64_t>()), record[10]);
  }
}

}  // namespace
}  // namespace cprobe
