#include "cprobe/tasks/lexicon.h"

#include <set>

#include "cprobe/tasks/sentence_template.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

/// A lexicon in which each test changes one thing. A complaint names the line of the file.
const std::string kLexicon = R"(nouns: {cat: cats, ox: oxen, train driver: train drivers}
verbs: {sees: see}
past_verbs: [washed]
prepositions: [near, far from]
agreement:
  iid:
    - the {subject} {preposition} the {noun}
  gen:
    - the {subject} that the {noun} {verb} and the {noun} {verb}
reflexive:
  iid:
    - the {noun} said that the {subject} {past_verb} {reflexive}
syntactic_number:
  iid:
    - the {subject} {preposition} the {noun}
)";

Lexicon parse_lexicon_text(const std::string& text) {
  return parse_lexicon(Document::parse_yaml(text, "l.yaml"));
}

/// The lexicon with the first occurrence of `from` replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = kLexicon;
  const size_t place = text.find(from);
  if (place == std::string::npos) throw std::runtime_error("the lexicon has no '" + from + "'");
  return text.replace(place, from.size(), to);
}

/// The lexicon with another template as the first of agreement.
std::string with_template(const std::string& pattern) {
  return with("the {subject} {preposition} the {noun}", pattern);
}

TEST(Lexicon, IsReadFromYaml) {
  const Lexicon lexicon = parse_lexicon_text(kLexicon);
  ASSERT_EQ(lexicon.nouns.size(), 3u);
  EXPECT_EQ(lexicon.nouns[1].form(false), "ox");
  EXPECT_EQ(lexicon.nouns[1].form(true), "oxen");
  EXPECT_EQ(lexicon.nouns[2].plural, "train drivers");
  EXPECT_EQ(lexicon.verbs.at(0).plural, "see");
  EXPECT_THAT(lexicon.past_verbs, ElementsAre("washed"));
  EXPECT_THAT(lexicon.prepositions, ElementsAre("near", "far from"));
  EXPECT_EQ(lexicon.tasks.size(), 3u);
  EXPECT_EQ(lexicon.tasks.at(PaperTask::kAgreement).gen.size(), 1u);
  EXPECT_TRUE(lexicon.tasks.at(PaperTask::kSyntacticNumber).gen.empty());
}

TEST(Lexicon, TakesATemplateApart) {
  const SentenceTemplate pattern = parse_lexicon_text(kLexicon).tasks.at(PaperTask::kReflexive).iid.at(0);
  EXPECT_EQ(pattern.text, "the {noun} said that the {subject} {past_verb} {reflexive}");
  ASSERT_EQ(pattern.pieces.size(), 4u);
  EXPECT_EQ(pattern.pieces[1].literal, " said that the ");
  EXPECT_EQ(pattern.pieces[1].slot, Slot::kSubject);
}

TEST(Lexicon, NeedsOnlyWhatItsTemplatesUse) {
  const Lexicon lexicon = parse_lexicon_text("nouns: {cat: cats}\nagreement: {iid: ['the {subject} here']}\n");
  EXPECT_EQ(lexicon.tasks.size(), 1u);
  const SentenceTemplate& pattern = lexicon.tasks.at(PaperTask::kAgreement).iid.at(0);
  EXPECT_EQ(fill(pattern, lexicon, 0, {.plural_subject = true}, "").text, "the cats here");
}

TEST(Lexicon, NamesItsTasks) {
  for (const PaperTask task : kPaperTasks) {
    EXPECT_EQ(find_paper_task(task_name(task)), task);
  }
  EXPECT_FALSE(find_paper_task("agreements"));
}

TEST(Lexicon, SaysWhichKeyIsWrong) {
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("verbs:", "verb:")),
                     "l.yaml:2:1: verb: unknown key 'verb'; did you mean 'verbs'?");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("gen:", "general:")),
                     "l.yaml:8:3: agreement.general: unknown key 'general'");
  EXPECT_INPUT_ERROR(parse_lexicon_text("verbs: {sees: see}\n"), "the key 'nouns' is missing");
  EXPECT_INPUT_ERROR(parse_lexicon_text("nouns: {cat: cats}\n"), "l.yaml:1:1: the lexicon has templates for no task");
  EXPECT_INPUT_ERROR(parse_lexicon_text("nouns: {cat: cats}\nagreement: {gen: ['the {subject}']}\n"),
                     "the key 'iid' is missing");
  EXPECT_INPUT_ERROR(parse_lexicon_text("[nouns]"), "l.yaml:1:1: expected a map");
}

TEST(Lexicon, SaysWhichWordIsWrong) {
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("ox: oxen", "sheep: sheep")),
                     "l.yaml:1:27: nouns.sheep: singular and plural are both");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("ox: oxen", "ox: cats")),
                     "l.yaml:1:24: nouns.ox: the word 'cats' is in this list twice");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("ox: oxen", "cats: cat")), "the word 'cats' is in this list twice");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("ox: oxen", "cat: oxen")), "l.yaml:1:");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("far from", "near")), "l.yaml:4:22: prepositions[1]: the word 'near'");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("far from", "'far  from'")), "two spaces in a row");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("far from", "' far'")), "begins or ends with a space");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("far from", "''")), "'' is empty");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("far from", "'{noun} of'")), "the word '{noun} of' has a brace");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("far from", "[far]")), "expected text, found a list");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("[near, far from]", "[]")),
                     "l.yaml:4:15: prepositions: expected at least one word");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("{sees: see}", "{}")), "l.yaml:2:8: verbs: expected at least one word");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("{sees: see}", "[sees]")), "l.yaml:2:8: verbs: expected a map");
}

TEST(Lexicon, SaysWhichTemplateIsWrong) {
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {subject} {prepositon} it")),
                     "l.yaml:7:7: agreement.iid[0]: no slot '{prepositon}'; did you mean '{preposition}'?");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {subject} near the {noun")),
                     "a brace without its partner: '{noun'");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the subject} near it")),
                     "a brace without its partner: '} near it'");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {noun}")), "'{subject}' once, found 0 times");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {subject} or the {subject}")),
                     "'{subject}' once, found 2 times");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("who {verb} the {subject}")),
                     "'{verb}' agrees with the noun before it");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {subject} {past_verb} {reflexive}")),
                     "of the task 'reflexive' only");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {subject} the {noun} the {noun} the {noun}")),
                     "the template needs 4 different nouns, the lexicon has 3");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {subject}  here")), "two spaces in a row");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with_template("the {subject} that the {noun} {verb} and the {noun} {verb}")),
                     "l.yaml:9:7: agreement.gen[0]: this task has the template twice");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("    - the {subject} {preposition} the {noun}\n", "    []\n")),
                     "agreement.iid: expected at least one template");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("prepositions: [near, far from]\n", "")),
                     "l.yaml:6:7: agreement.iid[0]: '{preposition}' needs the list 'prepositions', which is missing");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("past_verbs: [washed]\n", "")), "needs the list 'past_verbs'");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("verbs: {sees: see}\n", "")), "needs the list 'verbs'");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("{past_verb} {reflexive}", "{past_verb} {reflexive} today")),
                     "once, at its end");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("{past_verb} {reflexive}", "{past_verb}")),
                     "'{reflexive}' once, at its end");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("the {noun} said that the {subject}", "the {subject} {reflexive}")),
                     "once, at its end");
  EXPECT_INPUT_ERROR(parse_lexicon_text(with("syntactic_number:\n  iid:\n    - the {subject} {preposition} the {noun}",
                                             "syntactic_number:\n  iid:\n    - the {subject}")),
                     "l.yaml:15:7: syntactic_number.iid[0]: a template of this task has '{noun}' once, found 0 times");
}

TEST(SentenceTemplate, HasEveryCombinationOfWordsOnce) {
  const Lexicon lexicon = parse_lexicon_text(kLexicon);
  const SentenceTemplate& pattern = lexicon.tasks.at(PaperTask::kAgreement).iid.at(0);
  const int64_t n = count_combinations(lexicon, pattern);
  EXPECT_EQ(n, 3 * 2 * 2);
  std::set<std::string> sentences;
  for (int64_t combination = 0; combination < n; ++combination) {
    sentences.insert(fill(pattern, lexicon, combination, {.plural_nouns = 1}, "").text);
  }
  EXPECT_EQ(sentences.size(), 12u);
  EXPECT_TRUE(sentences.contains("the train driver far from the oxen"));
}

TEST(SentenceTemplate, VerbsAgreeWithTheNounBefore) {
  const Lexicon lexicon = parse_lexicon_text(kLexicon);
  const SentenceTemplate& pattern = lexicon.tasks.at(PaperTask::kAgreement).gen.at(0);
  EXPECT_EQ(fill(pattern, lexicon, 0, {.plural_nouns = 0b01}, "").text,
            "the cat that the oxen see and the train driver sees");
  EXPECT_EQ(fill(pattern, lexicon, 0, {.plural_subject = true, .plural_nouns = 0b10}, "").text,
            "the cats that the ox sees and the train drivers see");
}

TEST(SentenceTemplate, RefusesMoreCombinationsThanItCanCount) {
  Lexicon lexicon = parse_lexicon_text(kLexicon);
  lexicon.nouns.resize(100'000);
  const SentenceTemplate& pattern = lexicon.tasks.at(PaperTask::kAgreement).gen.at(0);
  EXPECT_INPUT_ERROR(count_combinations(lexicon, pattern), "can be filled in over 1000000000000 ways");
}

TEST(ExampleLexicon, HasAllTasks) {
  const Lexicon lexicon =
      parse_lexicon(Document::read_yaml(std::filesystem::path(CPROBE_SOURCE_DIR) / "examples/lexicon.yaml"));
  EXPECT_EQ(lexicon.nouns.size(), 20u);
  EXPECT_EQ(lexicon.tasks.size(), 3u);
}

}  // namespace
}  // namespace cprobe
