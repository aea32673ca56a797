#include "cprobe/io/document.h"

#include <array>

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

Document yaml(std::string_view text) {
  return Document::parse_yaml(text, "spec.yaml");
}
Document json(std::string_view text) {
  return Document::parse_json(text, "config.json");
}

constexpr std::string_view kSpec = R"(# a comment
model: models/gpt2
fit:
  epochs: 500
  lr: 1e-5
  lambda: [1, .5, "x"]
variables:
  - name: a
    formula: "(a + b) % 113"
  - b
seeds:
)";

TEST(Yaml, KnowsTheValueAndPlaceOfEverything) {
  const Document spec = yaml(kSpec);
  EXPECT_EQ(spec.where(), "spec.yaml:2:1");
  EXPECT_EQ(spec.at("model").as_text(), "models/gpt2");
  EXPECT_EQ(spec.at("fit").at("epochs").as_integer(), 500);
  EXPECT_EQ(spec.at("fit").at("epochs").where(), "spec.yaml:4:11: fit.epochs");
  EXPECT_DOUBLE_EQ(spec.at("fit").at("lr").as_number(), 1e-5);
  EXPECT_EQ(spec.at("fit").at("lambda").items()[1].where(), "spec.yaml:6:15: fit.lambda[1]");
  EXPECT_EQ(spec.at("variables").items()[0].at("formula").as_text(), "(a + b) % 113");
  EXPECT_EQ(spec.at("variables").items()[0].at("formula").where(), "spec.yaml:9:14: variables[0].formula");
  EXPECT_TRUE(spec.at("seeds").is_null());
  EXPECT_EQ(spec.find("absent"), nullptr);
}

TEST(Yaml, TakesAKeyWithoutValueForAbsentWhereAsked) {
  const Document map = yaml("a: 1\nb:\nc: null\n");
  EXPECT_EQ(map.given("a")->as_integer(), 1);
  for (const char* key : {"b", "c", "d"}) EXPECT_EQ(map.given(key), nullptr) << key;
  EXPECT_TRUE(map.find("b")->is_null());
}

TEST(Json, KnowsTheValueAndPlaceOfEverything) {
  const Document config =
      json("\xEF\xBB\xBF{\n  \"a\": [1, -2.5e3,true ,null],\n\t\"b\\\"\\\\\": {\"c\":\"\\u00e9\"}\r\n}\n");
  EXPECT_EQ(config.where(), "config.json:1:1");
  const auto& items = config.at("a").items();
  EXPECT_EQ(items[0].as_integer(), 1);
  EXPECT_EQ(items[1].as_text(), "-2.5e3");
  EXPECT_EQ(items[1].where(), "config.json:2:12: a[1]");
  EXPECT_TRUE(items[2].as_bool());
  EXPECT_EQ(items[2].where(), "config.json:2:19: a[2]");
  EXPECT_TRUE(items[3].is_null());
  EXPECT_EQ(config.at("b\"\\").at("c").as_text(), "\xC3\xA9");
  EXPECT_EQ(config.at("b\"\\").at("c").where(), "config.json:3:16: b\"\\.c");
}

TEST(Json, TakesAnyValueAsTheWhole) {
  EXPECT_EQ(json(" 12 ").as_integer(), 12);
  EXPECT_EQ(json("-0").as_text(), "-0");
  EXPECT_TRUE(json("null").is_null());
  EXPECT_TRUE(json("[]").items().empty());
  EXPECT_TRUE(json("{}").entries().empty());
}

TEST(Yaml, AnEmptyTextIsNull) {
  EXPECT_TRUE(yaml("").is_null());
  EXPECT_TRUE(yaml("# only a comment\n").is_null());
  EXPECT_TRUE(yaml("~").is_null());
  EXPECT_TRUE(yaml("--- # one document\n...\n").is_null());
}

TEST(Yaml, AQuotedOrBlockScalarIsText) {
  const Document spec = yaml("a: \"5\"\nb: 'true'\nc: |\n  7\nd: 5\ne: 'null'\n");
  for (const char* key : {"a", "b", "c", "e"}) EXPECT_TRUE(spec.at(key).is_quoted()) << key;
  EXPECT_FALSE(spec.at("d").is_quoted());
  EXPECT_INPUT_ERROR(spec.at("a").as_integer(), "spec.yaml:1:4: a: expected a whole number");
  EXPECT_INPUT_ERROR(spec.at("b").as_bool(), "expected true or false, found the text \"true\"");
  EXPECT_EQ(spec.at("c").as_text(), "7\n");
  EXPECT_EQ(spec.at("d").as_text(), "5");
}

TEST(DocumentNumbers, WholeNumbersMayHaveAnExponent) {
  const auto integer = [](const std::string& text) { return yaml(text).as_integer(); };
  EXPECT_EQ(integer("5e2"), 500);
  EXPECT_EQ(integer("1.5E+1"), 15);
  EXPECT_EQ(integer("3.0"), 3);
  EXPECT_EQ(integer("500e-2"), 5);
  EXPECT_EQ(integer("-0"), 0);
  EXPECT_EQ(integer("0e99999999999999999999"), 0);
  EXPECT_EQ(integer("+007"), 7);
  EXPECT_EQ(integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(integer("-9223372036854775808"), INT64_MIN);
}

TEST(DocumentNumbers, RefusesWhatIsNotWholeOrTooLarge) {
  for (const char* text :
       {"1.5", "5e-1", "1e19", "1e99999999999999999999", "9223372036854775808", "x", "1_000", "0x10", "[1]",
        "1234567890123456789012345678901234567890", "", ".", "e5", "1e", "1e+", "--1", "1 2", ".inf"}) {
    EXPECT_INPUT_ERROR(yaml(text).as_integer(), "expected a whole number from -2^63 to 2^63 - 1, found") << text;
  }
}

TEST(DocumentNumbers, NumbersAreThoseOfYamlsCoreSchema) {
  const auto number = [](const std::string& text) { return yaml(text).as_number(); };
  EXPECT_DOUBLE_EQ(number("1e-5"), 1e-5);
  EXPECT_DOUBLE_EQ(number("+.5"), 0.5);
  EXPECT_DOUBLE_EQ(number("5."), 5.0);
  EXPECT_DOUBLE_EQ(number("1234567890123456789012345678901234567890"), 1234567890123456789012345678901234567890.0);
  for (const char* text :
       {".inf", ".nan", "nan", "inf", "0x1p3", "1_000", "1,5", "yes", "1e400", "+-1", "\"1\"", "{}", "~"}) {
    EXPECT_INPUT_ERROR(yaml(text).as_number(), "expected a number") << text;
  }
  EXPECT_EQ(json("1234567890123456789012345678901234567890").as_text(), "1234567890123456789012345678901234567890");
}

TEST(DocumentAccess, BooleansAreTrueAndFalseOnly) {
  for (const char* text : {"true", "True", "TRUE"}) EXPECT_TRUE(yaml(text).as_bool()) << text;
  for (const char* text : {"false", "False", "FALSE"}) EXPECT_FALSE(yaml(text).as_bool()) << text;
  for (const char* text : {"yes", "no", "on", "1", "tRUE", "~", "[]"}) {
    EXPECT_INPUT_ERROR(yaml(text).as_bool(), "expected true or false") << text;
  }
}

TEST(DocumentAccess, SaysWhatWasFoundInstead) {
  EXPECT_INPUT_ERROR(yaml("[1, 2]").as_text(), "spec.yaml:1:1: expected text, found a list of 2");
  EXPECT_INPUT_ERROR(yaml("{a: 1}").items(), "expected a list, found a map of 1 keys");
  EXPECT_INPUT_ERROR(yaml("a").entries(), "expected a map of keys to values, found 'a'");
  EXPECT_INPUT_ERROR(yaml("fit:\n").at("fit").entries(), "fit: expected a map of keys to values, found no value");
  EXPECT_INPUT_ERROR(yaml("fit: {a: 1}").at("fit").at("b"), "spec.yaml:1:6: fit: the key 'b' is missing");
  EXPECT_INPUT_ERROR(yaml(std::string(100, 'x')).as_bool(), std::string(60, 'x') + "...'");
}

TEST(DocumentAccess, AScalarMayStandForAListOfOne) {
  EXPECT_EQ(yaml("7").items_or_self()[0].as_integer(), 7);
  EXPECT_EQ(yaml("[7, 8]").items_or_self().size(), 2U);
  EXPECT_INPUT_ERROR(yaml("").items_or_self(), "a list or a single value");
}

TEST(DocumentAccess, KeepsTheOrderOfAMap) {
  std::vector<std::string> keys;
  const Document map = json(R"({"z":1,"a":2,"m":3})");
  for (const auto& [key, value] : map.entries()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("z", "a", "m"));
}

TEST(DocumentAccess, NamesTheNearestKnownKey) {
  constexpr std::array<std::string_view, 3> kKnown = {"epochs", "lr", "seed"};
  EXPECT_NO_THROW(yaml("fit: {lr: 1}").at("fit").require_known_keys(kKnown));
  EXPECT_INPUT_ERROR(yaml("fit:\n  lr: 1\n  epoch:\n    5\n").at("fit").require_known_keys(kKnown),
                     "spec.yaml:3:3: fit.epoch: unknown key 'epoch'; did you mean 'epochs'?");
}

TEST(DocumentSyntax, RefusesAKeyTwice) {
  EXPECT_INPUT_ERROR(yaml("a: 1\nb:\n  c: 1\n  c: 2\n"),
                     "spec.yaml:4:3: the key 'c' stands twice in one map, first at line 3");
  EXPECT_INPUT_ERROR(json(R"({"a":1,"\u0061":2})"), "config.json:1:8: the key 'a' stands twice");
  EXPECT_NO_THROW(yaml("- {a: 1}\n- {a: 2}\n"));
}

TEST(DocumentSyntax, LimitsNestingTo100Levels) {
  const std::string open(100, '[');
  const std::string close(100, ']');
  EXPECT_NO_THROW(json(open + close));
  EXPECT_NO_THROW(yaml(open + close));
  EXPECT_INPUT_ERROR(json("[" + open + close + "]"), "config.json:1:101: lists and maps are nested more than 100");
  EXPECT_INPUT_ERROR(yaml("[" + open + close + "]"), "spec.yaml:1:101: lists and maps are nested more than 100");
  for (const char* opening : {"[", "{a: ", "- ", "? ", "{", "[{"}) {
    std::string deep;
    for (int i = 0; i < 5'000; ++i) deep += opening;
    EXPECT_THROW(yaml(deep), Error) << opening;
    EXPECT_THROW(json(deep), Error) << opening;
  }
}

TEST(YamlSyntax, RefusesWhatSpecsDoNotNeed) {
  EXPECT_INPUT_ERROR(yaml("a: &x 1\nb: *x\n"), "spec.yaml:1:4: anchors");
  EXPECT_INPUT_ERROR(yaml("a: &x\nb: 1\n"), "anchors");
  EXPECT_INPUT_ERROR(yaml("a: *x\n"), "spec.yaml:1:4");
  EXPECT_INPUT_ERROR(yaml("a: !!int 1\n"), "tags are not supported");
  EXPECT_INPUT_ERROR(yaml("a: !!map {}\n"), "tags are not supported");
  EXPECT_INPUT_ERROR(yaml("a: 1\n---\nb: 1\n"), "a second YAML document");
  EXPECT_INPUT_ERROR(yaml("[1, 2] x\n"), "spec.yaml:1:8");
  EXPECT_INPUT_ERROR(yaml("? [a]\n: 1\n"), "a key must be text");
  EXPECT_INPUT_ERROR(yaml(": 1\n"), "a key is empty");
}

TEST(YamlSyntax, NamesThePlaceOfAnError) {
  EXPECT_INPUT_ERROR(yaml("a: 1\nb: [1, 2\n"), "spec.yaml:");
  EXPECT_INPUT_ERROR(yaml("a: 1\n b: 2\n"), "spec.yaml:2:");
  EXPECT_INPUT_ERROR(yaml("a: 1\nb\n"), "spec.yaml:2:1: expected a colon after this key");
  EXPECT_INPUT_ERROR(yaml("a: 1\nb: \xFF\n"), "spec.yaml:2:4: not UTF-8");
  EXPECT_INPUT_ERROR(yaml(std::string_view("a: 1\n\0", 6)), "spec.yaml:2:1: the control character 0x00");
  EXPECT_INPUT_ERROR(yaml("a: \x04\n"), "the control character 0x04");
}

TEST(YamlSyntax, DoesNotLetAnOpenQuoteSwallowTheFile) {
  for (const char* text : {"a: \"x", "a: \"x\n", "a: 'x\nb: 1\n", "a: \"x\n\n ", "{a: 'x\n", "[\"x\n"}) {
    EXPECT_INPUT_ERROR(yaml(text), "a quoted text that began before is not closed") << text;
  }
  EXPECT_EQ(yaml("a: \"x\n  y\"\n").at("a").as_text(), "x y");
}

TEST(JsonSyntax, NamesThePlaceOfAnError) {
  EXPECT_INPUT_ERROR(json(""), "config.json:1:1: not JSON: ");
  EXPECT_INPUT_ERROR(json("{\n \"a\": }"), "config.json:2:7: not JSON: syntax error");
  EXPECT_INPUT_ERROR(json("[1, 2"), "config.json:1:6: not JSON");
  EXPECT_INPUT_ERROR(json("[1] x"), "config.json:1:5: not JSON");
  EXPECT_INPUT_ERROR(json("[1]\n[2]"), "config.json:2:1: not JSON");
  EXPECT_INPUT_ERROR(json("[1,]"), "config.json:1:4: not JSON");
  EXPECT_INPUT_ERROR(json("[NaN]"), "not JSON");
  EXPECT_INPUT_ERROR(json("[01]"), "not JSON");
  EXPECT_INPUT_ERROR(json("[1e999]"), "not JSON");
  EXPECT_INPUT_ERROR(json("// no comments\n1"), "not JSON");
  EXPECT_INPUT_ERROR(json("\"\\ud800\""), "not JSON");
  EXPECT_INPUT_ERROR(json("[\n\"\xFF\"]"), "config.json:2:2: not UTF-8");
}

TEST(DocumentFiles, NameTheirPath) {
  testing::TemporaryFolder folder;
  const auto path = testing::write_bytes(folder / "s.yaml", "a: [");
  EXPECT_INPUT_ERROR(Document::read_yaml(path), path.string() + ":1:");
  EXPECT_INPUT_ERROR(Document::read_json(path), path.string() + ":1:1: not JSON");
  EXPECT_INPUT_ERROR(Document::read_yaml(folder / "absent.yaml"), "absent.yaml: cannot read");
}

TEST(DocumentValues, StandAloneOnceCopied) {
  Document copy;
  EXPECT_TRUE(copy.is_null());
  { copy = yaml("a: {b: [1, 2]}").at("a"); }
  EXPECT_EQ(copy.at("b").items()[1].as_integer(), 2);
  EXPECT_EQ(copy.at("b").where(), "spec.yaml:1:8: a.b");
}

}  // namespace
}  // namespace cprobe
