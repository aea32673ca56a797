#include "cprobe/tasks/language_task.h"

#include "tests/shared_folder.h"
#include "tests/support.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using testing::write_bytes;

/// A tokenizer that knows the letters, the space, and a few words with a space in front.
constexpr const char* kTokenizer = R"({"model": {"type": "BPE",
  "vocab": {"Ġ": 0, "a": 1, "b": 2, "c": 3, "x": 4, "y": 5, "i": 6, "s": 7, "r": 8, "e": 9, "Ġi": 10, "Ġis": 11, "Ġa": 12,
            "re": 13, "Ġare": 14, "Ġx": 15, "Ġy": 16},
  "merges": ["Ġ i", "Ġi s", "Ġ a", "r e", "Ġa re", "Ġ x", "Ġ y"]},
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "normalizer": null, "added_tokens": [], "decoder": {"type": "ByteLevel"}})";

class LanguageTasks : public ::testing::Test {
 protected:
  LanguageTasks() { write_bytes(folder_ / "tokenizer.json", kTokenizer); }

  LanguageData load(LanguageTask task, int64_t vocab = 17, int64_t n_positions = 8) const {
    return load_language_data(task, Tokenizer::load(folder_.path()), vocab, n_positions);
  }

  LanguageTask agreement(const std::string& csv, int64_t train_rows = 2, int64_t test_rows = 1) const {
    LanguageTask task = language_task(PaperTask::kAgreement);
    task.sentences = write_bytes(folder_ / "a.csv", csv);
    task.train_rows = train_rows;
    task.test_rows = test_rows;
    return task;
  }

  LanguageTask reflexive(const std::string& csv) const {
    LanguageTask task = language_task(PaperTask::kReflexive);
    task.groups = {{{"0"}, "Male"}};
    task.sentences = write_bytes(folder_ / "r.csv", csv);
    task.train_rows = 1;
    task.test_rows = 1;
    return task;
  }

  TemporaryFolder folder_;
};

TEST_F(LanguageTasks, PutTheLabelOnTheLastTokenAndCompareTwoContinuations) {
  const LanguageData data = load(agreement("sentence,labels\na b,0\nb c,1\nc,1\nabc,0\n", 3));
  EXPECT_EQ(data.train.trie.n_rows(), 3);
  EXPECT_EQ(data.test.trie.n_rows(), 1);
  ASSERT_EQ(data.evaluation_sets.size(), 1u);
  EXPECT_EQ(data.evaluation_sets[0].first, "IID");
  const Contrast& contrast = *data.train.contrast;
  const at::Tensor labels = data.train.labelled("agreement", -1).labels;
  EXPECT_TRUE(at::equal(contrast.continuation, at::full({3}, 14, at::kLong)));
  EXPECT_TRUE(at::equal(contrast.against, at::full({3, 1}, 11, at::kLong)));
  EXPECT_TRUE(
      at::equal(data.train.answers, at::where(labels.eq(1), contrast.continuation, contrast.against.select(1, 0))));
}

TEST_F(LanguageTasks, EndSentencesBeforeTheWordThatIsTheAnswer) {
  const LanguageData data = load(reflexive("sentence,labels,ungrammatical,gender\na b x,0,a b y,0\nb y,1,b x,0\n"));
  for (const Dataset* set : {&data.train, &data.test}) {
    EXPECT_TRUE(at::equal(set->trie.token.ge(15), at::zeros({set->trie.n_nodes()}, at::kBool)));
    EXPECT_EQ((set->contrast->continuation + set->contrast->against.select(1, 0)).item<int64_t>(), 15 + 16);
    EXPECT_TRUE(at::equal(set->answers, set->contrast->continuation));
  }
  EXPECT_EQ(data.evaluation_sets[0].first, "Male IID");
}

TEST_F(LanguageTasks, PairEachRowWithASourceOfItsSet) {
  std::string csv = "sentence,labels,object labels\n";
  for (const char* first : {"a", "b", "c", "x", "y", "i"}) {
    for (const char* second : {"a", "b", "c", "x", "y", "i"}) {
      csv += fmt::format("{} {},{},{}\n", first, second, first[0] % 2, second[0] % 2);
    }
  }
  const LanguageData data = load(agreement(csv, 20, 10));
  for (const Dataset* set : {&data.train, &data.test}) {
    const Counterfactuals& pairs = set->counterfactuals.value();
    const int64_t n = set->trie.n_rows();
    ASSERT_EQ(pairs.sources.n_rows(), n);
    // The first letter decides the answer, and the source's first letter the counterfactual
    // answer.
    const std::vector<std::string> letters = {"", "a", "b", "c", "x", "y", "i"};
    const auto first_token = [&](const TokenTrie& trie, int64_t row) {
      return trie.token[trie.row(row).front()].item<int64_t>();
    };
    bool some_differ = false;
    for (int64_t r = 0; r < n; ++r) {
      const int64_t source = letters[static_cast<size_t>(first_token(pairs.sources, r))][0] % 2;
      EXPECT_EQ(set->variables.at("counter_labels")[r].item<int64_t>(), source);
      EXPECT_EQ(pairs.answers.at("agreement")[r].item<int64_t>(), source == 1 ? 14 : 11);
      some_differ = some_differ || source != set->variables.at("labels")[r].item<int64_t>();
    }
    EXPECT_TRUE(some_differ);
    EXPECT_TRUE(pairs.answers.contains("labels"));
    EXPECT_FALSE(pairs.answers.contains("object labels")) << "the answer does not depend on it";
  }
  EXPECT_TRUE(at::equal(data.train.variables.at("counter_labels"),
                        load(agreement(csv, 20, 10)).train.variables.at("counter_labels")));
}

TEST_F(LanguageTasks, PairNothingWhereMoreThanTwoValuesDecide) {
  const std::string rows = "a x,0,a y,0\nb y,1,b x,0\nc y,2,c x,0\n";
  LanguageTask task = reflexive("sentence,labels,ungrammatical,gender\n" + rows + rows);
  task.train_rows = 5;  // Of six rows, so that each value is among them.
  EXPECT_FALSE(load(task).train.counterfactuals.has_value());
}

/// `kTokenizer` with `<s>` (17) before each text and `</s>` (18) behind.
std::string with_template() {
  std::string json = kTokenizer;
  const auto replace = [&](const std::string& from, const std::string& to) {
    json.replace(json.find(from), from.size(), to);
  };
  replace("\"added_tokens\": []", "\"added_tokens\": [" + testing::added_token(17, "<s>", {"special"}) + ", " +
                                      testing::added_token(18, "</s>", {"special"}) + "], \"post_processor\": " +
                                      testing::token_template({{"<s>", 17}}, {{"</s>", 18}}));
  return json;
}

/// The tokens of a row.
std::vector<int64_t> tokens_of_row(const Dataset& data, int64_t row) {
  std::vector<int64_t> tokens;
  for (const int64_t node : data.trie.row(row)) tokens.push_back(data.trie.token[node].item<int64_t>());
  return tokens;
}

TEST_F(LanguageTasks, BeginEveryRowWithTheTokenizersTemplate) {
  LanguageTask task = agreement("sentence,labels,word\na b,0,a\nb c,1,b\nc a,1,c\n");
  task.probed = {{.column = "word"}, {.kind = ProbedPlace::Kind::kToken, .column = "labels"}};
  const LanguageData before = load(task, 19);
  write_bytes(folder_ / "tokenizer.json", with_template());
  const LanguageData with = load(task, 19);
  for (int64_t row = 0; row < 2; ++row) {
    std::vector<int64_t> expected = tokens_of_row(before.train, row);
    expected.insert(expected.begin(), 17);
    EXPECT_EQ(tokens_of_row(with.train, row), expected) << "without </s>, behind which nothing goes on";
  }
  EXPECT_TRUE(at::equal(with.train.contrast->continuation, before.train.contrast->continuation));
  for (const auto& [name, places] : before.train.trie.places) {
    EXPECT_TRUE(at::equal(with.train.trie.places.at(name), places + 1)) << name << " is the same token of the text";
  }
  EXPECT_THAT(with.notes, ::testing::Contains(HasSubstr("the tokenizer puts <s> before each row")));
  EXPECT_THAT(with.notes, ::testing::Contains(HasSubstr("</s>, which the tokenizer puts behind a text, is left out")));
  EXPECT_EQ(before.token_fingerprint, "");
  EXPECT_NE(with.token_fingerprint, "") << "other tokens, so other cells";

  task.around = TemplateTokens::kNone;
  const LanguageData without = load(task, 19);
  EXPECT_EQ(tokens_of_row(without.train, 0), tokens_of_row(before.train, 0));
  EXPECT_EQ(without.token_fingerprint, "") << "the same cells as ever";
  EXPECT_EQ(without.notes.size(), before.notes.size());
}

TEST_F(LanguageTasks, DoNotBeginARowWithTheTemplateTwice) {
  write_bytes(folder_ / "tokenizer.json", with_template());
  LanguageTask task = agreement("sentence,labels\na b,0\nb c,1\nc a,1\n");
  task.prefix = "<s>";
  const LanguageData data = load(task, 19);
  EXPECT_EQ(tokens_of_row(data.train, 0).front(), 17);
  EXPECT_NE(tokens_of_row(data.train, 0).at(1), 17);
  EXPECT_THAT(data.notes, ::testing::Contains(HasSubstr("3 of 3 rows begin with <s> themselves")));
  EXPECT_EQ(data.token_fingerprint, "") << "the prefix is in the task's fingerprint";
  task.around = TemplateTokens::kNone;
  EXPECT_EQ(tokens_of_row(load(task, 19).train, 0), tokens_of_row(data.train, 0));
}

TEST_F(LanguageTasks, EndBeforeTheAnswerBehindTheTemplateToo) {
  write_bytes(folder_ / "tokenizer.json", with_template());
  const LanguageData data = load(reflexive("sentence,labels,ungrammatical,gender\na b x,0,a b y,0\nb y,1,b x,0\n"), 19);
  for (const Dataset* set : {&data.train, &data.test}) {
    EXPECT_EQ(tokens_of_row(*set, 0).front(), 17);
    EXPECT_EQ((set->contrast->continuation + set->contrast->against.select(1, 0)).item<int64_t>(), 15 + 16);
  }
}

TEST_F(LanguageTasks, TokenizeContinuationsOfPiecesAsTheyGoOn) {
  write_bytes(folder_ / "tokenizer.json", testing::piece_tokenizer().json());
  LanguageTask task = agreement("sentence,labels\nab b,0\nb c,1\nc a,1\n");
  task.expectation->continuation = " ab";
  const LanguageData data = load(task, 270);
  EXPECT_TRUE(at::equal(data.train.contrast->continuation, at::full({2}, 267, at::kLong)));
  EXPECT_TRUE(at::equal(data.train.contrast->against, at::full({2, 1}, 269, at::kLong)));
  EXPECT_EQ(tokens_of_row(data.train, 0).front(), 1);
}

TEST_F(LanguageTasks, PutThePrefixBeforeEverySentence) {
  LanguageTask task = agreement("sentence,labels\nb,0\nc,1\na,0\n");
  task.prefix = "a is ";
  const LanguageData data = load(task);
  EXPECT_EQ(data.train.trie.max_length(), 4);  // "a", " is", " ", the letter
}

/// Rows of two letters with a column each.
std::string with_column(const std::string& column, const std::vector<std::string>& fields) {
  std::string csv = "sentence,labels," + column + "\n";
  for (size_t i = 0; i < fields.size(); ++i) csv += fmt::format("{} b,{},{}\n", "abcxyis"[i], i % 2, fields[i]);
  return csv;
}

TEST_F(LanguageTasks, ReadVariablesOfAnyKindWithTheSameNumbersInAllFiles) {
  LanguageTask task = agreement(with_column("tense", {"past", "present", "past"}), 2, 1);
  task.gen = write_bytes(folder_ / "gen.csv", with_column("tense", {"future", "past", "present"}));
  task.variables = {"tense"};
  const LanguageData data = load(task);
  const std::vector<std::string> names = {"future", "past", "present"};
  EXPECT_EQ(data.train.class_names.at("tense"), names);
  EXPECT_EQ(data.evaluation_sets[1].second.class_names.at("tense"), names);
  const auto sum = [](const Dataset& set) { return set.variables.at("tense").sum().item<int64_t>(); };
  EXPECT_EQ(sum(data.train) + sum(data.test), 1 + 2 + 1);
  EXPECT_FALSE(data.train.variables.contains("agreement")) << "not asked for";
}

TEST_F(LanguageTasks, ReadOnlyTheColumnsThatAreUsed) {
  LanguageTask task = agreement(with_column("frequency", {"3", "", "nan"}), 2, 1);
  EXPECT_FALSE(load(task).train.variables.contains("frequency"));
  task.variables = {"frequency"};
  EXPECT_INPUT_ERROR(load(task), "a.csv:3: column 'frequency': empty");
}

TEST_F(LanguageTasks, KnowWhereTheContinuationIsRight) {
  const auto n_right = [&](LanguageTask task) {
    const LanguageData data = load(task);
    return data.train.answers.eq(14).sum().item<int64_t>() + data.test.answers.eq(14).sum().item<int64_t>();
  };
  for (const auto& [yes, no] : {std::pair("1", "0"), {"1.0", "0.0"}, {"True", "false"}, {"Plural", "singular"}}) {
    EXPECT_EQ(n_right(agreement(fmt::format("sentence,labels\na,{0}\nb,{1}\nc,{0}\n", yes, no))), 2) << yes;
  }
  LanguageTask task = agreement(with_column("tense", {"past", "present", "past"}), 2, 1);
  task.expectation->label_column = "tense";
  EXPECT_INPUT_ERROR(load(task), "'past' says neither that ' are' is right (1 or true)");
  task.expectation->label_value = "past";
  EXPECT_EQ(n_right(task), 2);
  task.expectation->label_value = "pats";
  EXPECT_INPUT_ERROR(load(task), "no row has 'pats' in column 'tense'; did you mean 'past'?");
}

TEST_F(LanguageTasks, ExchangeAnswersOfAVariableThatIsNamedInWords) {
  const LanguageData data = load(agreement("sentence,labels\na,plural\nb,singular\nc,plural\na b,singular\n", 3, 1));
  EXPECT_THAT(data.train.class_names.at("agreement"), ElementsAre("plural", "singular"));
  EXPECT_TRUE(data.train.counterfactuals->answers.contains("agreement"));
}

TEST_F(LanguageTasks, DivideFewRowsTwoToOneWithinEachClass) {
  std::string csv = "sentence,labels\n";
  for (const char* first : {"a", "b", "c"}) {
    for (const char* second : {"a", "b", "c", "x", "y"}) csv += fmt::format("{} {},{}\n", first, second, *first == 'a');
  }
  LanguageTask task = agreement(csv);
  task.gen = task.sentences;
  task.train_rows = task.test_rows = std::nullopt;
  const LanguageData data = load(task);
  EXPECT_EQ(data.train.trie.n_rows(), 11);
  EXPECT_EQ(data.test.trie.n_rows(), 4);
  EXPECT_EQ(data.test.variables.at("agreement").sum().item<int64_t>(), 1);
  EXPECT_EQ(data.evaluation_sets[1].second.trie.n_rows(), 15) << "Gen";
  EXPECT_THAT(data.notes, ElementsAre(::testing::HasSubstr("15 rows, fewer than 2000 and 1000: 11 to train on and 4")));
  task.train_rows = 12;  // What is given is taken; the rest is for the test.
  EXPECT_EQ(load(task).train.trie.n_rows(), 12);
  EXPECT_EQ(load(task).test.trie.n_rows(), 3);
  task.test_rows = 4;
  EXPECT_INPUT_ERROR(load(task), "16 rows are to be taken (12 + 4), but there are only 15");
}

TEST_F(LanguageTasks, RefuseWhatCannotBeAskedOfTheModel) {
  const std::string head = "sentence,labels\n";
  EXPECT_INPUT_ERROR(load(agreement("sentence,label\na,0\n")), "no column 'labels'");
  EXPECT_INPUT_ERROR(load(agreement(head)), "no sentences");
  EXPECT_INPUT_ERROR(load(agreement(head + "a,0\n\"\",1\nb,1\n")), "a.csv:3: column 'sentence': empty");
  EXPECT_INPUT_ERROR(load(agreement(head + "a,0\nb,2\nc,1\n")), "a.csv:3: column 'labels': '2' says neither");
  EXPECT_INPUT_ERROR(load(agreement(head + "a,0\nb,plural\nc,1\n")), "a.csv:3: column 'labels'");
  EXPECT_INPUT_ERROR(load(agreement(head + "a,0\nb,1\n")), "3 rows are to be taken (2 + 1), but there are only 2");
  EXPECT_INPUT_ERROR(load(agreement(head + "abcabcabc,0\nb,1\nc,1\n")), "9 tokens, but the model's context is 8");
  EXPECT_INPUT_ERROR(load(agreement(head + "a,0\nb x,1\nc,1\n"), 15), "token 15 is outside the model's vocabulary");
  EXPECT_INPUT_ERROR(load(agreement(head + "a,0\nb,1\nc,1\n"), 14),
                     "has token 14, outside the model's vocabulary of 14");
  LanguageTask task = agreement(head + "a,0\nb,1\nc,1\n");
  task.expectation->continuation = "";
  EXPECT_INPUT_ERROR(load(task), "task 'agreement': the continuation '' has no tokens");
  const std::string columns = "sentence,labels,ungrammatical,gender\n";
  EXPECT_INPUT_ERROR(load(reflexive(columns + "a xy,0,a y,0\nb y,1,b x,0\n")), "must be a single token");
  EXPECT_INPUT_ERROR(load(reflexive(columns + "a x,0,b y,0\nb y,1,b x,0\n")), "must differ from the sentence");
  EXPECT_INPUT_ERROR(load(reflexive(columns + "x,0,y,0\nb y,1,b x,0\n")), "must be a single token");
  EXPECT_INPUT_ERROR(load(reflexive("sentence,labels,ungrammatical\na x,0,a y\nb y,1,b x\n")), "no column 'gender'");
  EXPECT_INPUT_ERROR(load(agreement(head + "caf\xe9,0\nb,1\nc,1\n")), "UTF-8");
}

TEST_F(LanguageTasks, LoadThePapersFiles) {
  const std::filesystem::path shared = testing::shared_folder();
  if (!std::filesystem::exists(shared / "paper_data")) GTEST_SKIP() << testing::not_shared(shared / "paper_data");
  LanguageTask task = language_task(PaperTask::kReflexive);
  task.sentences = shared / "paper_data/Reflexive_An/Reflexive_An.csv";
  task.gen = shared / "paper_data/Reflexive_An/Reflexive_An_gen.csv";
  const LanguageData data = load_language_data(task, Tokenizer::load(shared / "golden/tokenizers/gpt2"), 50257, 1024);
  std::vector<std::string> labels;
  for (const auto& [label, set] : data.evaluation_sets)
    labels.push_back(fmt::format("{} {}", label, set.trie.n_rows()));
  EXPECT_THAT(labels, ElementsAre("Male IID 1000", "Male Gen 1000", "Female IID 1000", "Female Gen 1000"));
  EXPECT_EQ(data.train.trie.n_rows(), 2000);
}

}  // namespace
}  // namespace cprobe
