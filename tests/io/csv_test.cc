#include "cprobe/io/csv.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

CsvTable parse(std::string_view text) {
  return CsvTable::parse(text, "data.csv");
}

TEST(Csv, ReadsTheColumnsOfATaskFile) {
  const auto table = parse(",data,labels\n0,76 88 113,51\n1, 1  2 113 ,-3\n");
  EXPECT_THAT(table.columns(), ElementsAre("", "data", "labels"));
  EXPECT_EQ(table.n_rows(), 2U);
  EXPECT_THAT(table.text("data"), ElementsAre("76 88 113", " 1  2 113 "));
  EXPECT_THAT(table.integers("labels"), ElementsAre(51, -3));
  EXPECT_THAT(table.integer_lists("data"), ElementsAre(ElementsAre(76, 88, 113), ElementsAre(1, 2, 113)));
  EXPECT_TRUE(table.has_column("labels"));
  EXPECT_FALSE(table.has_column("label"));
}

TEST(Csv, UnderstandsQuotesAsInRfc4180) {
  const auto table = parse("a,b\n\"x, \"\"y\"\"\n2\",\"\"\n");
  EXPECT_THAT(table.text("a"), ElementsAre("x, \"y\"\n2"));
  EXPECT_THAT(table.text("b"), ElementsAre(""));
}

TEST(Csv, TakesAnyLineEndAndAByteOrderMark) {
  const auto table = parse("\xEF\xBB\xBF\"a\",b\r\n1,2\r\n\r\n3,4");
  EXPECT_THAT(table.integers("a"), ElementsAre(1, 3));
  EXPECT_THAT(table.integers("b"), ElementsAre(2, 4));
}

TEST(Csv, TakesTabsOrSemicolonsWhereTheHeaderHasNoComma) {
  for (const char delimiter : {'\t', ';'}) {
    const std::string d(1, delimiter);
    const auto table = parse("\nsentence" + d + "\"a, b\"\r\nOne, two." + d + "3\r\n\"x" + d + "y\"" + d + "4\r\n");
    EXPECT_THAT(table.text("sentence"), ElementsAre("One, two.", "x" + d + "y"));
    EXPECT_THAT(table.integers("a, b"), ElementsAre(3, 4));
  }
  EXPECT_THAT(parse("a,b;c\n1,2\n").columns(), ElementsAre("a", "b;c"));
  EXPECT_INPUT_ERROR(parse("a;b\nx\"y;1\n"), "expected a semicolon or the end of the line");
}

TEST(Csv, NamesUtf16) {
  using namespace std::string_view_literals;
  EXPECT_INPUT_ERROR(parse("\xFF\xFE"
                           "a\0\n\0"sv),
                     "data.csv: the text is UTF-16; save it as UTF-8");
}

TEST(Csv, KnowsTheLineOfEachRow) {
  const auto table = parse("a\n1\n\"two\nlines\"\n\n3\n");
  EXPECT_EQ(table.line(0), 2U);
  EXPECT_EQ(table.line(1), 3U);
  EXPECT_EQ(table.line(2), 6U);
}

TEST(Csv, AHeaderAloneIsATableWithoutRows) {
  EXPECT_EQ(parse("a,b").n_rows(), 0U);
}

TEST(Csv, NamesTheLineOfEverySyntaxError) {
  EXPECT_INPUT_ERROR(parse(""), "data.csv:1: the file is empty");
  EXPECT_INPUT_ERROR(parse("\n\n"), "data.csv:1: the file is empty");
  EXPECT_INPUT_ERROR(parse("a,b\n1,2\n3\n"), "data.csv:3: expected 2 fields as in the header, found 1");
  EXPECT_INPUT_ERROR(parse("a,b\n1,2,3\n"), "data.csv:2: expected 2 fields as in the header, found 3");
  EXPECT_INPUT_ERROR(parse("a\n\"x\ny\n"), "data.csv:2: a quoted field is never closed");
  EXPECT_INPUT_ERROR(parse("a\n\"x\"y\n"), "data.csv:2: expected a comma");
  EXPECT_INPUT_ERROR(parse("a\nx\"y\n"), "data.csv:2: expected a comma");
  EXPECT_INPUT_ERROR(parse("a\n1\r2\n"), "data.csv:2: a carriage return stands alone");
  EXPECT_INPUT_ERROR(parse("a,b,a\n"), "data.csv:1: the column 'a' stands twice");
  EXPECT_INPUT_ERROR(parse("a\n1\n\xFF\n"), "data.csv:3: not UTF-8");
}

TEST(Csv, ListsTheColumnsWhenOneIsMissing) {
  const auto table = parse("data,labels\n1,2\n");
  EXPECT_INPUT_ERROR(table.text("label"), "no column 'label', did you mean 'labels'? The columns are 'data', 'labels'");
  EXPECT_INPUT_ERROR(table.integers("x"), "no column 'x'");
}

TEST(Csv, RefusesWhatIsNotAWholeNumber) {
  const auto expect_refused = [](const std::string& field) {
    EXPECT_INPUT_ERROR(parse("n,m\n1,1\n" + field + ",1\n").integers("n"),
                       "data.csv:3: column 'n': expected a whole number from -2^63 to 2^63 - 1, found '" + field + "'");
  };
  for (const char* field : {"", "3.0", "1e3", "x", "0x1", "1 2", "+-1", "--1", "+", "9223372036854775808", "1_000"}) {
    expect_refused(field);
  }
  EXPECT_INPUT_ERROR(parse("n\n1 x 2\n").integer_lists("n"), "data.csv:2: column 'n'");
}

TEST(Csv, ReadsTheWholeRangeOfIntegers) {
  EXPECT_THAT(parse("n\n-9223372036854775808\n+9223372036854775807\n 7\t\n").integers("n"),
              ElementsAre(INT64_MIN, INT64_MAX, 7));
  EXPECT_THAT(parse("n,m\n,1\n").integer_lists("n"), ElementsAre(ElementsAre()));
}

TEST(Csv, ReadsBackEveryRecordThatItWrites) {
  const std::vector<std::string> fields = {"plain",      "",         "a,b",      "say \"x\"",
                                           "two\nlines", "cr\r\nlf", " spaces ", "\xC3\xA9"};
  const auto table = parse(csv_record({"1", "2", "3", "4", "5", "6", "7", "8"}) + csv_record(fields));
  for (size_t i = 0; i < fields.size(); ++i) EXPECT_THAT(table.text(std::to_string(i + 1)), ElementsAre(fields[i]));
  EXPECT_EQ(csv_record({"a", "b"}), "a,b\n");
  EXPECT_THAT(parse("a\n" + csv_record({""})).text("a"), ElementsAre(""));
}

TEST(Csv, ReadsAFile) {
  testing::TemporaryFolder folder;
  const auto path = testing::write_bytes(folder / "t.csv", "a\n1\n");
  EXPECT_EQ(CsvTable::read(path).source(), path.string());
  EXPECT_INPUT_ERROR(CsvTable::read(folder / "absent.csv"), "absent.csv: cannot read");
}

}  // namespace
}  // namespace cprobe
