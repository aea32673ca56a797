#include "cprobe/spec/titles.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Spec parse_titled(const std::string& variables) {
  return parse_spec(
      Document::parse_yaml("model: m\ntask: {train: a.csv, test: b.csv}\nvariables: " + variables + "\n", "spec.yaml"));
}

TEST(Titles, AreWrittenInPlaceOfTheList) {
  const Spec spec = parse_titled("{var_1: \"a^2\", var_0: b}");
  EXPECT_THAT(spec.grid.variables, ElementsAre("var_1", "var_0")) << "in the order written";
  EXPECT_THAT(spec.titles, ElementsAre(Pair("var_0", "b"), Pair("var_1", "a^2")));
  EXPECT_THAT(parse_titled("[var_0]").titles, IsEmpty());
  EXPECT_THAT(parse_titled("{var_0: var_0}").titles, ElementsAre(Pair("var_0", "var_0"))) << "shows the column";
}

TEST(Titles, RefuseByNameWhatWouldNotTellVariablesApart) {
  EXPECT_INPUT_ERROR(parse_titled("{var_0: a, var_1: a}"), "'var_0' and 'var_1' have the same title, 'a'");
  EXPECT_INPUT_ERROR(parse_titled("{var_0: var_1, var_1: a}"),
                     "the title of 'var_0' is the column of another variable, 'var_1'");
  EXPECT_INPUT_ERROR(parse_titled("{var_0: a, var_1: ''}"), "the title of 'var_1' is empty");
  EXPECT_INPUT_ERROR(parse_titled("{var_0: ' '}"), "the title of 'var_0' is empty");
  EXPECT_INPUT_ERROR(parse_titled("{var_0: }"), "the title of 'var_0' is empty; write one, or 'var_0'");
  EXPECT_INPUT_ERROR(parse_titled("{var_0: \"a\\nb\"}"), "the title of 'var_0' has a line break");
  EXPECT_INPUT_ERROR(parse_titled("{var_0: [a]}"), "spec.yaml:3:20: variables.var_0");
  EXPECT_INPUT_ERROR(parse_titled("{}"), "expected at least one variable");
}

TEST(Titles, AreNoPartOfACellsIdentity) {
  const Spec plain = parse_titled("[var_0]"), titled = parse_titled("{var_0: a^2}");
  const Cell cell{.variable = "var_0", .component = {0, Block::kMlp}};
  EXPECT_EQ(cell_id(plain, cell, {"model", "data"}, 1), cell_id(titled, cell, {"model", "data"}, 1));
  EXPECT_EQ(baseline_id(plain, cell, "linear_probe", "L0.post", {"model"}, 1, true),
            baseline_id(titled, cell, "linear_probe", "L0.post", {"model"}, 1, true));
}

TEST(Titles, OfTheSpecComeBeforeThoseOfTheData) {
  const Titles of_data = {{"var_0", "a^2 mod 113"}, {"var_1", "b mod 113"}, {"aux_0", "not probed"}};
  EXPECT_THAT(variable_titles(parse_titled("[var_0, var_1, x]"), of_data),
              ElementsAre(Pair("var_0", "a^2 mod 113"), Pair("var_1", "b mod 113"), Pair("x", "x")));
  EXPECT_THAT(variable_titles(parse_titled("{var_0: a squared, var_1: var_1}"), of_data),
              ElementsAre(Pair("var_0", "a squared"), Pair("var_1", "var_1")));
}

TEST(Titles, OfTheDataAreLeftOutWhereTheyAreAmbiguous) {
  const Titles same = {{"var_0", "a"}, {"var_1", "a"}, {"var_2", "var_3"}, {"var_4", "b"}};
  EXPECT_THAT(variable_titles(parse_titled("[var_0, var_1, var_2, var_3, var_4]"), same),
              ElementsAre(Pair("var_0", "var_0"), Pair("var_1", "var_1"), Pair("var_2", "var_2"),
                          Pair("var_3", "var_3"), Pair("var_4", "b")));
  EXPECT_THAT(variable_titles(parse_titled("{x: a, var_0: var_0}"), same),
              ElementsAre(Pair("var_0", "var_0"), Pair("x", "a")));
}

TEST(Titles, StandWithTheirColumnOnceWhereBothAreNeeded) {
  const Titles titles = {{"var_0", "a^2"}, {"x", "x"}};
  EXPECT_EQ(title_in(titles, "var_0"), "a^2");
  EXPECT_EQ(title_in(titles, "unknown"), "unknown");
  EXPECT_EQ(title_and_column(titles, "var_0"), "a^2 (var_0)");
  EXPECT_EQ(title_and_column(titles, "x"), "x");
  EXPECT_EQ(columns_note(titles, {"var_0", "x", "var_0"}), "Columns of the data: a^2 is var_0.\n");
  EXPECT_EQ(columns_note(titles, {"x"}), "");
}

}  // namespace
}  // namespace cprobe
