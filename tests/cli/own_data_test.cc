// What `cprobe check` makes of data as users have them: kinds of files, and what happens.

#include <nlohmann/json.hpp>

#include "tests/cli/language_run.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A file and a task, and what check says of them.
struct OwnData {
  const char* name;
  std::string csv;
  std::string task;                 ///< Keys of the task, indented by two.
  std::vector<std::string> says;    ///< Parts of its notes and warnings, or of the error.
  std::vector<std::string> tokens;  ///< The tokens that it marks, without spaces around, each once; empty: any.
  bool is_refused = false;
};

void PrintTo(const OwnData& own, std::ostream* out) {
  *out << own.name;
}

/// Rows "a q WORD r" with a word and a class for each, of 12 words.
std::string rows(const std::string& header, const std::function<std::string(int)>& row, int n = 12) {
  std::string csv = header + "\n";
  for (int i = 0; i < n; ++i) csv += row(i) + "\n";
  return csv;
}

/// "a q c r,c,past": a sentence, its word, its class.
std::string plain(const std::string& before = "a q ", const std::string& after = " r", int n = 12) {
  return rows(
      "sentence,word,tense",
      [&](int i) {
        const char word = "cdefghijklmn"[i % 12];
        return fmt::format("{}{}{},{},{}", before, word, after, word, i % 2 == 0 ? "past" : "present");
      },
      n);
}

const std::string kAtWord = "  at: {word: word}";
const std::vector<std::string> kWords = {"c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"};

std::string with_split(const std::function<std::string(int)>& part) {
  return rows("sentence,word,tense,part", [&](int i) {
    const char word = "cdefghijklmn"[i];
    return fmt::format("a q {} r,{},{},{}", word, word, i % 2 == 0 ? "past" : "present", part(i));
  });
}

std::vector<OwnData> all_own_data() {
  const std::string is_are = "  expect: {continuation: ' are', against: ' is', where: {tense: past}}";
  return {
      {"a word within its sentence", plain(), kAtWord, {}, kWords},
      {"a word at the start", plain("", " r"), kAtWord, {}, kWords},
      {"a word at the end", plain("a q ", ""), kAtWord, {}, kWords},
      {"a word before punctuation", plain("a q ", "."), kAtWord, {}, kWords},
      {"a prefix", plain(), kAtWord + "\n  prefix: 'z y '", {}, kWords},
      {"a word at the start behind a prefix, whose space is in its token",
       rows("sentence,word,tense",
            [](int i) { return fmt::format("are q{},are,{}", "cdefghijklmn"[i], i % 2 == 0 ? "past" : "present"); }),
       kAtWord + "\n  prefix: 'z '",
       {},
       {"are"}},
      {"a last occurrence beside the answer",
       plain(),
       "  prompt: word\n  expect: {last_word_against: word}",
       {"has no meaning where the sentence's last word is the answer"},
       {},
       true},
      {"a word that is there twice", plain("c q ", " r"), kAtWord, {"1 of 12 rows have the word", "the first"}, {}},
      {"its last occurrence", plain("c ", " r"), "  at: {word: word, occurrence: last}", {"the last"}, kWords},
      {"a word of several tokens",
       rows("sentence,word,tense",
            [](int i) { return fmt::format("a x{} r,x{},{}", "cdefghijklmn"[i], "cdefghijklmn"[i], i % 2); }),
       kAtWord,
       {},
       kWords},
      {"a word that is not there",
       plain() + "a q r,z,past\n",
       kAtWord,
       {"rows.csv:14: column 'word'", "no word 'z'"},
       {},
       true},
      {"a word in other letters' case", plain() + "a Z r,z,past\n", kAtWord, {"other letters' case"}, {}, true},
      {"no word", plain() + "a q r,,past\n", kAtWord, {"rows.csv:14: column 'word': empty"}, {}, true},
      {"part of a word", plain() + "a qq r,q,past\n", kAtWord, {"no word 'q'"}, {}, true},
      {"characters",
       rows("sentence,from,to,tense",
            [](int i) { return fmt::format("é q{} r,2,4,{}", "cdefghijklmn"[i], i % 2 == 0 ? "past" : "present"); }),
       "  at: {start: from, end: to}",
       {},
       kWords},
      {"characters behind the end",
       plain() + "a,c,past\n",
       "  at: {start: word, end: word}",
       {"column 'word'"},
       {},
       true},
      {"the number of a token",
       rows("sentence,place,tense", [](int i) { return fmt::format("a{} r,1,{}", "cdefghijklmn"[i], i % 2); }),
       "  at: {token: place}\n  prefix: 'z y '",
       {},
       kWords},
      {"a token behind the end",
       rows("sentence,place,tense", [](int i) { return fmt::format("a{},9,{}", i, i % 2); }),
       "  at: {token: place}",
       {"rows.csv:2: column 'place': no token 9"},
       {},
       true},
      {"another column of text",
       rows("line,tense", [](int i) { return fmt::format("a {},{}", "cdefghijklmn"[i], i % 2); }),
       "  text: line",
       {},
       kWords},
      {"no column of text",
       rows("line,tense", [](int i) { return fmt::format("a {},{}", i, i % 2); }),
       "",
       {"no column 'sentence'"},
       {},
       true},
      {"CRLF and semicolons",
       rows("sentence;word;tense\r",
            [](int i) { return fmt::format("a {} r;{};{}\r", "cdefghijklmn"[i], "cdefghijklmn"[i], i % 2); }),
       kAtWord,
       {},
       kWords},
      {"a label with a comma",
       rows("sentence,tense",
            [](int i) {
              return fmt::format("a {},\"{}\"", "cdefghijklmn"[i], i % 2 == 0 ? "past, simple" : "present");
            }),
       "",
       {},
       {}},
      {"a label that is a number as text",
       rows("sentence,tense",
            [](int i) { return fmt::format("a {},\"{}\"", "cdefghijklmn"[i], i % 2 == 0 ? "1.0" : "2"); }),
       "",
       {},
       {}},
      {"a label that is no number among numbers",
       rows("sentence,tense", [](int i) { return fmt::format("a {},{}", i, i == 5 ? "x" : "1"); }),
       "",
       {"rows.csv:7: column 'tense'", "found 'x'"},
       {},
       true},
      {"a label that is missing",
       rows("sentence,tense", [](int i) { return fmt::format("a {},{}", i, i == 5 ? "nan" : "1"); }),
       "",
       {"rows.csv:7: column 'tense'", "nan"},
       {},
       true},
      {"real numbers",
       rows("sentence,tense", [](int i) { return fmt::format("a {},{}.5", i, i); }),
       "",
       {"rows.csv:2", "`task.bins: N`"},
       {},
       true},
      {"real numbers in bins",
       rows("sentence,tense", [](int i) { return fmt::format("a {},{}.5", "cdefghijklmn"[i], i); }),
       "  bins: 3",
       {},
       {}},
      {"equal numbers in bins",
       rows("sentence,tense", [](int i) { return fmt::format("a {},1.5", i); }),
       "  bins: 3",
       {"3 bins, but most of its numbers are 1.5"},
       {},
       true},
      {"12 rows of 12 classes",
       rows("sentence,tense", [](int i) { return fmt::format("a {},{}", "cdefghijklmn"[i], i); }),
       "",
       {"8 to train on and 4 to test"},
       {}},
      {"two rows",
       rows(
           "sentence,tense", [](int i) { return fmt::format("a {},{}", i, i); }, 2),
       "",
       {"which no row to train on has"},
       {}},
      {"a row that is too short",
       plain("a q ", "", 24) + "a,c,past\n",
       "  split_seed: 0\nposition: 3",
       {"row 24 of the file (from 0), 'a', has no token at position 3: it has 1 tokens"},
       {},
       true},
      {"a column of parts", with_split([](int i) { return i < 8 ? "train" : "Test"; }), "  split: part", {}, {}},
      {"a part for validation",
       with_split([](int i) { return i < 6   ? "train"
                                     : i < 9 ? "validation"
                                             : "test"; }),
       "  split: part",
       {"3 rows for validation are left out"},
       {}},
      {"an unknown part",
       with_split([](int i) { return i < 6 ? "train" : "held"; }),
       "  split: part",
       {"rows.csv:8: column 'part': expected 'train', 'test' or 'gen', found 'held'"},
       {},
       true},
      {"no rows to test", with_split([](int) { return "train"; }), "  split: part", {"no rows to test"}, {}, true},
      {"no column of parts", plain(), "  split: part", {"no column 'part'"}, {}, true},
      {"values that are in one part",
       with_split([](int i) { return i / 2 == 0 ? "x" : std::to_string(i / 2); }),
       "  split_by: part",
       {"values of 'part' to train on"},
       {}},
      {"one value", with_split([](int) { return "x"; }), "  split_by: part", {"no rows to test"}, {}, true},
      {"a class that is to test only",
       with_split([](int i) { return i % 2 == 0 ? "train"
                                     : i < 6    ? "train"
                                                : "test"; }) + "a q r,r,future,test\n",
       "  split: part",
       {"1 rows have class 'future' of 'tense', which no row to train on has"},
       {}},
      {"all rows alike", rows("sentence,tense", [](int) { return "a q,1"; }), "", {"are rows to train on as well"}, {}},
      {"one sentence with both labels",
       plain() + "a q c r,c,present\n",
       "",
       {"have another value of 'tense' than a row of the same tokens"},
       {}},
      {"an unrelated column with blanks",
       rows("sentence,tense,note",
            [](int i) { return fmt::format("a {},{},{}", "cdefghijklmn"[i], i % 2, i % 3 == 0 ? "" : "1"); }),
       "",
       {},
       kWords},
      {"the name of a built-in task, without its groups",
       rows("sentence,gender,tense",
            [](int i) {
              return fmt::format("a {},{},{}", "cdefghijklmn"[i], i % 2 == 0 ? "masculine" : "feminine",
                                 i % 2 == 0 ? "past" : "present");
            }),
       "  name: reflexive\n" + is_are,
       {"no row is of the group 'Male'", "never 0 or male", "takes another name"},
       {},
       true},
      {"behaviour", plain(), is_are, {}, {}},
      {"a continuation without its space",
       plain(),
       "  expect: {continuation: are, against: is, where: {tense: past}}",
       {"the continuation has no space in front"},
       {}},
      {"sentences that end in a space", plain("a q ", " "), is_are, {"ends in a space as well"}, {}},
      {"a continuation of several tokens",
       plain(),
       "  expect: {continuation: ' q', against: ' is', where: {tense: past}}",
       {"continuations of several tokens: whole log-probabilities are compared"},
       {}},
      {"continuations in columns",
       rows("sentence,tense,good,bad",
            [](int i) {
              return fmt::format("a {},{},{}", "cdefghijklmn"[i], i % 2, i % 2 == 0 ? " are, is" : " is, are");
            }),
       "  expect: {continuation: {column: good}, against: {column: bad}}",
       {},
       {}},
      {"a continuation against itself",
       rows("sentence,tense,good", [](int i) { return fmt::format("a {},{}, are", "cdefghijklmn"[i], i % 2); }),
       "  expect: {continuation: {column: good}, against: ' are'}",
       {"rows.csv:2: column 'good': the continuation cannot win against itself"},
       {},
       true},
      {"a value that no row has",
       plain(),
       "  expect: {continuation: ' are', against: ' is', where: {tense: pats}}",
       {"did you mean 'past'?"},
       {},
       true},
      {"text where 0 or 1 is needed",
       plain(),
       "  expect: {continuation: ' are', against: ' is', where: tense}",
       {"`where: {tense: VALUE}`"},
       {},
       true},
      {"prompts",
       rows("sentence,tense,more", [](int i) { return fmt::format("a {},{}, q", "cdefghijklmn"[i], i % 2); }),
       "  prompt: more",
       {},
       {"q"}},
      {"prompts without their space",
       rows("sentence,tense,more", [](int i) { return fmt::format("a {},{},q", "cdefghijklmn"[i], i % 2); }),
       "  prompt: more",
       {"the prompt has no space in front"},
       {}},
      {"prompts that end in a space",
       rows("sentence,tense,more", [](int i) { return fmt::format("a {},{},\" q \"", "cdefghijklmn"[i], i % 2); }),
       "  prompt: more\n  expect: {continuation: ' are', against: ' is', where: tense}",
       {"ends in a space as well"},
       {}},
  };
}

class OwnDataCases : public ::testing::TestWithParam<OwnData> {};

TEST_P(OwnDataCases, AreReadOrRefused) {
  const OwnData& own = GetParam();
  const TemporaryFolder folder;
  write_language_model(folder / "model", "gpt2", 24);
  write_bytes(folder / "rows.csv", own.csv);
  write_bytes(folder / "spec.yaml", fmt::format("model: {}\nvariables: [tense]\ntask:\n  sentences: {}\n{}\n",
                                                (folder / "model").string(), (folder / "rows.csv").string(), own.task));
  const ProgramResult result = cprobe({"check", (folder / "spec.yaml").string(), "--json"});
  ASSERT_EQ(result.exit_code == 0, !own.is_refused) << result.err;
  if (own.is_refused) {
    for (const std::string& text : own.says) EXPECT_THAT(result.err, HasSubstr(text));
    return;
  }
  const auto said = nlohmann::json::parse(result.out);
  std::string texts;
  for (const char* kind : {"notes", "warnings"}) {
    for (const auto& text : said[kind]) texts += text.get<std::string>() + "\n";
  }
  for (const std::string& text : own.says) EXPECT_THAT(texts, HasSubstr(text));
  if (own.says.empty()) {
    EXPECT_THAT(said["warnings"], IsEmpty()) << texts;
  }
  for (const auto& row : said["rows"]) {
    std::string token = row["token"];
    token.erase(0, token.find_first_not_of(' '));
    if (!own.tokens.empty()) {
      EXPECT_THAT(own.tokens, ::testing::Contains(token)) << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, OwnDataCases, ::testing::ValuesIn(all_own_data()),
                         [](const ::testing::TestParamInfo<OwnData>& param) {
                           std::string name;
                           for (const char c : std::string(param.param.name)) name += std::isalnum(c) != 0 ? c : '_';
                           return name;
                         });

TEST(OwnData, AreFittedWithContinuationsOfSeveralTokens) {
  const TemporaryFolder folder;
  for (const char* architecture : {"gpt2", "llama"}) {
    write_language_model(folder / architecture, architecture, 24);
    // The continuations are longer than any sentence, so that they have places of their own.
    write_bytes(
        folder / "rows.csv",
        rows(
            "sentence,tense,good,bad",
            [](int i) { return fmt::format("a {} q{},{}, xyzxyz, zyx", "cdefghijklmn"[i % 12], i / 12, i % 2); }, 24));
    write_bytes(
        folder / "spec.yaml",
        fmt::format("model: {0}\nvariables: [tense]\ntask:\n  sentences: {1}\n  expect: {{continuation: {{column: "
                    "good}}, against: {{column: bad}}}}\nlayers: [0]\nfit: {{epochs: 1, batch_size: 4}}\n"
                    "evaluate: {{random_controls: 2, null_variables: 2, fills: [zero, mean, resample]}}\nout: {2}\n",
                    (folder / architecture).string(), (folder / "rows.csv").string(),
                    (folder / (std::string("run_") + architecture)).string()));
    const ProgramResult result = cprobe({"fit", (folder / "spec.yaml").string(), "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("IID"));
    const ProgramResult methods = cprobe({"baseline", (folder / "spec.yaml").string()});
    EXPECT_THAT(methods.err, HasSubstr("amnesic probing needs continuations of one token each"));
  }
}

}  // namespace
}  // namespace cprobe::testing
