#include "cprobe/tasks/sentences.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "cprobe/io/csv.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using Records = std::vector<std::vector<std::string>>;

const Lexicon& example_lexicon() {
  static const Lexicon lexicon =
      parse_lexicon(Document::read_yaml(std::filesystem::path(CPROBE_SOURCE_DIR) / "examples/lexicon.yaml"));
  return lexicon;
}

/// A lexicon of three nouns, and one or two words of each other kind.
Lexicon small_lexicon() {
  return parse_lexicon(Document::parse_yaml(R"(nouns: {cat: cats, ox: oxen, dog: dogs}
verbs: {sees: see}
past_verbs: [washed, fed]
prepositions: [near, behind]
agreement:
  iid: ['the {subject} {preposition} the {noun}', 'the {subject} that the {noun} {verb}']
reflexive:
  iid: ['the {subject} {past_verb} {reflexive}']
)",
                                            "small.yaml"));
}

SentenceTable generate_default(PaperTask task) {
  return generate_sentences(example_lexicon(), task, std::nullopt, Seed(0));
}

std::vector<std::string> words_of(const std::string& sentence) {
  std::istringstream stream(sentence);
  return {std::istream_iterator<std::string>(stream), {}};
}

/// The nouns of the example lexicon: word -> 1 plural, 0 singular.
std::map<std::string, char> nouns() {
  std::map<std::string, char> numbers;
  for (const NumberForms& noun : example_lexicon().nouns) {
    numbers[noun.singular] = '0';
    numbers[noun.plural] = '1';
  }
  return numbers;
}

/// A sentence with each word of the example lexicon replaced by its kind:
/// "the noun preposition the noun".
std::string structure(const std::string& sentence) {
  static const std::map<std::string, char> known = nouns();
  std::set<std::string> verbs;
  for (const NumberForms& verb : example_lexicon().verbs) verbs.insert({verb.singular, verb.plural});
  const auto has = [](const std::vector<std::string>& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  std::string text;
  for (const std::string& word : words_of(sentence)) {
    if (known.contains(word)) {
      text += "noun ";
    } else if (verbs.contains(word)) {
      text += "verb ";
    } else if (has(example_lexicon().past_verbs, word)) {
      text += "past_verb ";
    } else if (has(example_lexicon().prepositions, word)) {
      text += "preposition ";
    } else {
      text += word.ends_with("self") || word == "themselves" ? "reflexive " : word + " ";
    }
  }
  return text;
}

/// The numbers of a sentence's nouns from left to right, 0 singular and 1 plural: "01".
std::string numbers(const std::string& sentence) {
  static const std::map<std::string, char> known = nouns();
  std::string text;
  for (const std::string& word : words_of(sentence)) {
    if (known.contains(word)) text += known.at(word);
  }
  return text;
}

/// Expects `n_combinations` keys, with counts that differ by one at most.
void expect_balanced(const std::map<std::string, size_t>& counts, size_t n_combinations) {
  EXPECT_EQ(counts.size(), n_combinations);
  const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end(), by_count);
  EXPECT_LE(most->second - least->second, 1u) << least->first << " against " << most->first;
}

TEST(Sentences, HaveThePapersColumnsAndSizes) {
  const SentenceTable agreement = generate_default(PaperTask::kAgreement);
  EXPECT_THAT(agreement.columns, ElementsAre("sentence", "labels", "type", "block"));
  EXPECT_EQ(agreement.iid.size(), 6160u);
  EXPECT_EQ(agreement.gen.size(), 5000u);
  const SentenceTable reflexive = generate_default(PaperTask::kReflexive);
  EXPECT_THAT(reflexive.columns, ElementsAre("sentence", "labels", "ungrammatical", "gender", "type", "block"));
  EXPECT_EQ(reflexive.iid.size(), 25760u);
  EXPECT_EQ(reflexive.gen.size(), 5000u);
  const SentenceTable number = generate_default(PaperTask::kSyntacticNumber);
  EXPECT_THAT(number.columns, ElementsAre("sentence", "labels", "object labels", "type", "block"));
  EXPECT_EQ(number.iid.size(), 3120u);
  EXPECT_TRUE(number.gen.empty());
}

TEST(Sentences, AreDistinctInBothFilesTogether) {
  for (const PaperTask task : kPaperTasks) {
    const SentenceTable table = generate_default(task);
    std::set<std::string> sentences;
    for (const Records* file : {&table.iid, &table.gen}) {
      for (const auto& record : *file) sentences.insert(record[0]);
    }
    EXPECT_EQ(sentences.size(), table.iid.size() + table.gen.size()) << task_name(task);
  }
}

TEST(Sentences, ShareNoStructureBetweenIidAndGen) {
  for (const PaperTask task : {PaperTask::kAgreement, PaperTask::kReflexive}) {
    const SentenceTable table = generate_default(task);
    std::set<std::string> iid;
    for (const auto& record : table.iid) iid.insert(structure(record[0]));
    EXPECT_EQ(iid.size(), 2u);
    std::set<std::string> gen;
    for (const auto& record : table.gen) {
      gen.insert(structure(record[0]));
      EXPECT_FALSE(iid.contains(structure(record[0]))) << record[0];
    }
    EXPECT_EQ(gen.size(), 2u);
  }
}

// Subject and attractor are uncorrelated if their combinations of numbers are balanced.
TEST(Sentences, HaveEachCombinationOfNumbersEquallyOften) {
  for (const PaperTask task : {PaperTask::kAgreement, PaperTask::kSyntacticNumber}) {
    const SentenceTable table = generate_default(task);
    for (const Records* file : {&table.iid, &table.gen}) {
      std::map<std::string, std::map<std::string, size_t>> counts;
      std::map<std::string, size_t> all;
      for (const auto& record : *file) {
        ++counts[structure(record[0])][numbers(record[0])];
        ++all[numbers(record[0])];
        const std::string labels = task == PaperTask::kAgreement ? record[1] : record[1] + record[2];
        EXPECT_TRUE(numbers(record[0]).starts_with(labels)) << record[0];
      }
      const size_t n_combinations = file == &table.iid ? 4 : 8;
      for (const auto& [pattern, of_pattern] : counts) expect_balanced(of_pattern, n_combinations);
      if (!all.empty()) expect_balanced(all, n_combinations);
    }
  }
}

TEST(Sentences, AreBalancedForAnyNumberOfThem) {
  for (const int64_t n : {1, 2, 3, 7, 13, 33}) {
    const SentenceTable table = generate_sentences(example_lexicon(), PaperTask::kReflexive, n, Seed(1));
    for (const Records* file : {&table.iid, &table.gen}) {
      ASSERT_EQ(file->size(), static_cast<size_t>(n));
      std::map<std::string, size_t> counts = {{"00", 0}, {"01", 0}, {"10", 0}, {"11", 0}};
      for (const auto& record : *file) ++counts[record[1] + record[3]];
      expect_balanced(counts, 4);
    }
  }
}

TEST(Sentences, OfReflexivesPairTheTwoPronouns) {
  const SentenceTable table = generate_default(PaperTask::kReflexive);
  for (const Records* file : {&table.iid, &table.gen}) {
    std::map<std::string, size_t> counts;
    for (const auto& record : *file) {
      const std::string singular = record[3] == "1" ? "herself" : "himself";
      const std::vector<std::string> words = words_of(record[0]), ungrammatical = words_of(record[2]);
      ASSERT_EQ(words.back(), record[1] == "1" ? "themselves" : singular);
      ASSERT_EQ(ungrammatical.back(), record[1] == "1" ? singular : "themselves");
      ASSERT_TRUE(std::equal(words.begin(), words.end() - 1, ungrammatical.begin(), ungrammatical.end() - 1));
      // The subject is the first noun, except in sentences with "believed", where it is the second.
      const bool is_complement = structure(record[0]).find("believed") != std::string::npos;
      ASSERT_EQ(numbers(record[0])[is_complement ? 1 : 0], record[1][0]) << record[0];
      ++counts[record[1] + record[3]];
    }
    expect_balanced(counts, 4);
  }
}

TEST(Sentences, RepeatNoNoun) {
  for (const auto& record : generate_default(PaperTask::kAgreement).gen) {
    const std::vector<std::string> words = words_of(record[0]);
    for (const NumberForms& noun : example_lexicon().nouns) {
      const auto n = std::count_if(words.begin(), words.end(), [&](const std::string& word) {
        return word == noun.singular || word == noun.plural;
      });
      EXPECT_LE(n, 1) << record[0];
    }
  }
}

TEST(Sentences, ShareTheirNumberAmongTemplatesAsTheCombinationsAre) {
  std::map<std::string, size_t> counts;
  for (const auto& record : generate_default(PaperTask::kAgreement).iid) ++counts[structure(record[0])];
  EXPECT_EQ(counts["the noun preposition the noun "], 3080u);  // Six prepositions, six verbs.
  EXPECT_EQ(counts["the noun that the noun verb "], 3080u);
}

TEST(Sentences, UseAllWordsAboutEquallyOften) {
  std::map<std::string, size_t> counts;
  const SentenceTable table = generate_default(PaperTask::kSyntacticNumber);
  for (const auto& record : table.iid) ++counts[words_of(record[0])[1]];
  // 3,120 subjects of 40 forms: 78 each, binomial standard deviation below 9.
  ASSERT_EQ(counts.size(), 40u);
  for (const auto& [word, n] : counts) EXPECT_NEAR(static_cast<double>(n), 78, 45) << word;
}

TEST(Sentences, AreTheSameForTheSameSeedOnly) {
  for (const PaperTask task : kPaperTasks) {
    const SentenceTable first = generate_sentences(example_lexicon(), task, 300, Seed(3));
    const SentenceTable again = generate_sentences(example_lexicon(), task, 300, Seed(3));
    EXPECT_EQ(first.iid, again.iid);
    EXPECT_EQ(first.gen, again.gen);
    EXPECT_NE(first.iid, generate_sentences(example_lexicon(), task, 300, Seed(4)).iid);
  }
}

TEST(Sentences, CanBeAllThatThereAre) {
  const Lexicon lexicon = small_lexicon();
  const auto& templates = lexicon.tasks.at(PaperTask::kAgreement).iid;
  EXPECT_EQ(count_sentences(lexicon, PaperTask::kAgreement, templates), 4 * (3 * 2 * 2 + 3 * 2));
  const SentenceTable table = generate_sentences(lexicon, PaperTask::kAgreement, std::nullopt, Seed(0));
  EXPECT_EQ(table.iid.size(), 72u);
  const SentenceTable reflexive = generate_sentences(lexicon, PaperTask::kReflexive, 12, Seed(0));
  EXPECT_EQ(reflexive.iid.size(), 12u);
}

TEST(Sentences, SayHowManyThereAre) {
  const Lexicon lexicon = small_lexicon();
  EXPECT_INPUT_ERROR(generate_sentences(lexicon, PaperTask::kAgreement, 73, Seed(0)),
                     "agreement.csv: 73 sentences wanted, and the lexicon gives at most 72");
  EXPECT_INPUT_ERROR(generate_sentences(lexicon, PaperTask::kReflexive, 13, Seed(0)), "at most 12");
  EXPECT_INPUT_ERROR(generate_sentences(lexicon, PaperTask::kReflexive, 0, Seed(0)), "0 sentences wanted");
  EXPECT_INPUT_ERROR(generate_sentences(lexicon, PaperTask::kSyntacticNumber, 1, Seed(0)),
                     "the lexicon has no templates for 'syntactic_number'");
  Lexicon tiny = lexicon;
  tiny.nouns.resize(1);
  tiny.past_verbs.resize(1);
  EXPECT_INPUT_ERROR(generate_sentences(tiny, PaperTask::kReflexive, std::nullopt, Seed(0)), "at most 0");
}

TEST(Sentences, NameTemplatesThatGiveTheSame) {
  const Lexicon lexicon = parse_lexicon(
      Document::parse_yaml("nouns: {cat: cats}\nprepositions: [near]\nagreement:\n  iid: ['the {subject} near it']\n"
                           "  gen: ['the {subject} {preposition} it']\n",
                           "same.yaml"));
  EXPECT_INPUT_ERROR(generate_sentences(lexicon, PaperTask::kAgreement, 2, Seed(0)),
                     "the templates 'the {subject} near it' and 'the {subject} {preposition} it' both give 'the cat");
}

TEST(WriteSentencesCsv, WritesWhatCsvTableReads) {
  const testing::TemporaryFolder folder;
  const SentenceTable table = generate_sentences(example_lexicon(), PaperTask::kReflexive, 40, Seed(0));
  EXPECT_THAT(write_sentences_csv(table, PaperTask::kReflexive, folder / "out"),
              ElementsAre(folder / "out/reflexive.csv", folder / "out/reflexive_gen.csv"));
  const CsvTable read = CsvTable::read(folder / "out/reflexive_gen.csv");
  EXPECT_EQ(read.columns(), table.columns);
  ASSERT_EQ(read.n_rows(), 40u);
  for (size_t column = 0; column < table.columns.size(); ++column) {
    const std::vector<std::string> fields = read.text(table.columns[column]);
    for (size_t row = 0; row < fields.size(); ++row) EXPECT_EQ(fields[row], table.gen[row][column]);
  }
}

TEST(WriteSentencesCsv, WritesTheSameBytesForTheSameSeed) {
  const testing::TemporaryFolder folder;
  for (const char* run : {"one", "two"}) {
    write_sentences_csv(generate_sentences(example_lexicon(), PaperTask::kSyntacticNumber, 40, Seed(0)),
                        PaperTask::kSyntacticNumber, folder / run);
  }
  const std::string bytes = testing::read_bytes(folder / "one/syntactic_number.csv");
  EXPECT_TRUE(bytes.starts_with("sentence,labels,object labels,type,block\nthe "));
  EXPECT_EQ(bytes, testing::read_bytes(folder / "two/syntactic_number.csv"));
  EXPECT_FALSE(std::filesystem::exists(folder / "one/syntactic_number_gen.csv"));
}

}  // namespace
}  // namespace cprobe
