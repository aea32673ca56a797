#include "cprobe/tasks/column_formulas.h"

#include "cprobe/tasks/task_data.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::read_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

ArithmeticTask squares() {
  return {.name = "squares",
          .modulus = 11,
          .symbols = {{.name = "a"}, {.name = "b"}},
          .tokens = {"a", "b", "11"},
          .answer = "a^2 - b",
          .variables = {{"var_0", "a^2 % p"}},
          .auxiliaries = {{"aux_0", "a + b"}}};
}

TEST(FormulaTitle, SaysTheModulusAndMod) {
  EXPECT_EQ(formula_title("a^2 % p", 113), "a^2 mod 113");
  EXPECT_EQ(formula_title("-b^2%p", 113), "-b^2 mod 113");
  EXPECT_EQ(formula_title("(a + b) % p", 7), "(a + b) mod 7");
  EXPECT_EQ(formula_title("  a %  29 ", 113), "a mod 29");
  EXPECT_EQ(formula_title("a + p_2 * pp", 113), "a + p_2 * pp") << "only the name p is the modulus";
  EXPECT_EQ(formula_title("a<b && b!=0", 113), "a<b && b!=0");
}

TEST(ColumnFormulas, ComeBackAsTitlesOfTheDataTheyAreOf) {
  const TemporaryFolder folder;
  prepare_task_data(squares(), folder.path(), Seed(1), false);
  const auto titles = ElementsAre(Pair("aux_0", "a + b"), Pair("var_0", "a^2 mod 11"));
  EXPECT_THAT(read_column_titles(folder / "train.csv"), titles);
  EXPECT_THAT(read_column_titles(folder / "test.csv"), titles);
  std::filesystem::rename(folder / "test.csv", folder / "renamed.csv");
  EXPECT_THAT(read_column_titles(folder / "renamed.csv"), titles);
}

TEST(ColumnFormulas, AreNotThoseOfOtherData) {
  const TemporaryFolder folder;
  prepare_task_data(squares(), folder.path(), Seed(1), false);
  const std::string data = read_bytes(folder / "train.csv");
  write_bytes(folder / "train.csv", data + "\n");
  EXPECT_THAT(read_column_titles(folder / "train.csv"), IsEmpty());
  write_bytes(folder / "train.csv", data);
  EXPECT_EQ(read_column_titles(folder / "train.csv").size(), 2);
}

/// Titles only help to read. No file beside the data may stop a run.
TEST(ColumnFormulas, AreNotReadFromOtherPeoplesFiles) {
  const TemporaryFolder folder;
  prepare_task_data(squares(), folder.path(), Seed(1), false);
  for (const char* text : {"", "[1, 2]", "{\"columns\": []}", "{\"format\": \"cprobe columns 1\"}",
                           "{\"format\": \"cprobe columns 1\", \"files\": [], \"modulus\": 1, \"formulas\": 3}"}) {
    write_bytes(folder / kColumnsFile, text);
    EXPECT_THAT(read_column_titles(folder / "train.csv"), IsEmpty()) << text;
  }
  EXPECT_THAT(read_column_titles(folder / "train.csv"), IsEmpty());
  std::filesystem::remove(folder / kColumnsFile);
  EXPECT_THAT(read_column_titles(folder / "train.csv"), IsEmpty());
}

TEST(ColumnFormulas, DoNotReplaceOtherPeoplesFiles) {
  const TemporaryFolder folder;
  write_bytes(folder / kColumnsFile, "my own notes");
  prepare_task_data(squares(), folder.path(), Seed(1), false);
  EXPECT_EQ(read_bytes(folder / kColumnsFile), "my own notes");
  ArithmeticTask other = squares();
  std::filesystem::remove(folder / kColumnsFile);
  prepare_task_data(other, folder.path(), Seed(1), false);
  other.variables.front().second = "(a^2) % p";  // The same values.
  prepare_task_data(other, folder.path(), Seed(1), false);
  EXPECT_EQ(read_column_titles(folder / "train.csv").at("var_0"), "(a^2) mod 11");
}

TEST(ColumnFormulas, AreAddedToDataOfEarlierVersionsWhichStayAsTheyAre) {
  const TemporaryFolder folder;
  prepare_task_data(squares(), folder.path(), Seed(1), false);
  const std::string train = read_bytes(folder / "train.csv"), columns = read_bytes(folder / kColumnsFile);
  EXPECT_THAT(columns, HasSubstr("\"var_0\": \"a^2 % p\""));
  std::filesystem::remove(folder / kColumnsFile);
  prepare_task_data(squares(), folder.path(), Seed(1), false);
  EXPECT_EQ(read_bytes(folder / kColumnsFile), columns);
  EXPECT_EQ(read_bytes(folder / "train.csv"), train);
}

}  // namespace
}  // namespace cprobe
