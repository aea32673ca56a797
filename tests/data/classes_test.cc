#include "cprobe/data/classes.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The classes of one column in files of these fields.
Classes of(const std::vector<std::vector<std::string>>& files) {
  std::vector<CsvTable> tables;
  for (const std::vector<std::string>& fields : files) {
    std::string text = "row,x\n";
    for (const std::string& field : fields) text += csv_record({"1", field});
    tables.push_back(CsvTable::parse(text, fmt::format("{}.csv", tables.size())));
  }
  std::vector<FileColumn> columns;
  columns.reserve(tables.size());
  for (const CsvTable& table : tables) columns.push_back({&table, "x"});
  return classes_of(columns);
}

TEST(Classes, OfNumbersAreTheNumbers) {
  const Classes classes = of({{"3", " 1.0", "-2"}, {"+7", "7.", "0"}});
  EXPECT_THAT(classes.values, ElementsAre(ElementsAre(3, 1, -2), ElementsAre(7, 7, 0)));
  EXPECT_THAT(classes.names, IsEmpty());
}

TEST(Classes, OfTruthValuesAreOneAndNought) {
  const Classes classes = of({{"True", "false"}, {"TRUE"}});
  EXPECT_THAT(classes.values, ElementsAre(ElementsAre(1, 0), ElementsAre(1)));
  EXPECT_THAT(classes.names, ElementsAre("false", "true"));
}

TEST(Classes, OfTextAreSortedNamesOfAllFiles) {
  const Classes classes = of({{"past", "present, simple", "past "}, {"future"}});
  EXPECT_THAT(classes.names, ElementsAre("future", "past", "present, simple"));
  EXPECT_THAT(classes.values, ElementsAre(ElementsAre(1, 2, 1), ElementsAre(0)));
  EXPECT_THAT(of({{"3rd", "1st"}}).names, ElementsAre("1st", "3rd"));
  EXPECT_THAT(of({{"true", "unknown"}}).names, ElementsAre("true", "unknown"));
}

TEST(Classes, RefuseFieldsThatAreNoClass) {
  EXPECT_INPUT_ERROR(of({{"1"}, {"2", ""}}), "1.csv:3: column 'x': empty");
  EXPECT_INPUT_ERROR(of({{"a", "NaN"}}), "0.csv:3: column 'x': no number (nan)");
  EXPECT_INPUT_ERROR(of({{"1", "two"}}),
                     "0.csv:3: column 'x': expected a whole number from -2^63 to 2^63 - 1, found 'two'");
  EXPECT_INPUT_ERROR(of({{"0.5", "1"}}), "found '0.5'");
  EXPECT_INPUT_ERROR(of({{"1e400", "1"}}), "found '1e400'");
  EXPECT_INPUT_ERROR(of({{"9223372036854775808"}}), "found '9223372036854775808'");
}

TEST(Classes, CompareFieldsWithTextsOfASpec) {
  EXPECT_TRUE(is_same_value(" past", "past"));
  EXPECT_TRUE(is_same_value("1.0", "1"));
  EXPECT_FALSE(is_same_value("Past", "past"));
  EXPECT_FALSE(is_same_value("a", "b"));
  EXPECT_EQ(truth_of("1.0"), 1);
  EXPECT_EQ(truth_of("FALSE"), 0);
  EXPECT_EQ(truth_of("2"), std::nullopt);
  EXPECT_EQ(truth_of("yes"), std::nullopt);
}

}  // namespace
}  // namespace cprobe
