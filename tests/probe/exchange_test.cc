#include "cprobe/probe/exchange.h"

#include "cprobe/evaluate/statistics.h"
#include "cprobe/probe/null_circuits.h"
#include "cprobe/tasks/language_task.h"
#include "tests/planted_number.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::number_sentences;

/// Exchanges in the model whose attention carries the number of a noun (tests/planted_number.h).
class NumberExchange : public ::testing::Test {
 protected:
  /// @param csv  the sentences; 12 of them are evaluated.
  void load(const std::string& csv, int64_t train_rows, int64_t test_rows) {
    LanguageTask task = language_task(PaperTask::kAgreement);
    task.sentences = testing::write_bytes(folder_ / "sentences.csv", csv);
    task.train_rows = train_rows;
    task.test_rows = test_rows;
    Model model = testing::planted_number();
    LanguageData sets = load_language_data(task, testing::number_tokenizer().make(), model.config.vocab, 40);
    data_ = {.model = std::move(model), .train = std::move(sets.train), .test = std::move(sets.test)};
    data_.evaluation_sets = std::move(sets.evaluation_sets);
  }

  /// The exchange of attention, with a circuit of all its values and outputs.
  std::optional<Findings::Exchange> exchange(const TypeOptions& types = {}, int64_t n_nulls = 19) const {
    const ComponentRef attention{0, Block::kAttention};
    Circuit circuit{.matrices = matrices_of(data_.model.config, attention)};
    for (const MatrixInfo& matrix : circuit.matrices) {
      // Queries and keys, which come before the values, are 0.
      circuit.members.push_back(at::arange(matrix.n_out) >= matrix.n_out - 16);
    }
    const NullHypothesis null = null_hypothesis(data_, "agreement", types, n_nulls);
    const std::vector<Circuit> nulls(static_cast<size_t>(null.variables.n()), circuit);
    return exchange_on(data_.model, data_, "IID", data_.evaluation_sets.front().second, circuit, nulls, null,
                       {.n_rows = 60, .n_controls = 3}, Seed(1));
  }

  testing::TemporaryFolder folder_;
  RunData data_;
};

TEST_F(NumberExchange, FollowsTheNumberOfTheNounNotTheNoun) {
  load(number_sentences(10), 48, 72);
  const std::optional<Findings::Exchange> found = exchange();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->donors, DonorKind::kForms);
  EXPECT_EQ(found->n_rows, 60);
  EXPECT_EQ(found->untouched, 1);
  EXPECT_EQ(found->keep, 1) << "another noun of the same number";
  EXPECT_EQ(found->moved, 1) << "the noun's other form";
  EXPECT_EQ(found->effect.value, 1);
  ASSERT_EQ(found->effect.nulls.size(), 19u);
  double mean = 0;
  for (const double null : found->effect.nulls) {
    EXPECT_LT(null, .95);
    mean += null / 19;
  }
  EXPECT_NEAR(mean, .5, .15) << "half of the nouns of a null value have the other number";
  EXPECT_EQ(found->effect.interval.n_types, 6) << "nouns are blocks";
  EXPECT_LE(found->effect.interval.upper, 1 - mean + 1e-9) << "an effect is at most 1";
  EXPECT_LE(found->units.interval.upper, 1 - spread(found->units.nulls).mean + 1e-9) << "of a whole that moves all";
  EXPECT_NEAR(found->null_moved, 1, 1e-9);
  EXPECT_NEAR(found->carried.value(), 1, 1e-9);
  EXPECT_NEAR(found->left.value(), 0, 1e-9);
}

TEST_F(NumberExchange, WithoutBlocksNullVariablesMoveAsOftenWithEitherDonor) {
  load(number_sentences(10), 48, 72);
  const std::optional<Findings::Exchange> found = exchange({.parts = {"type"}});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->donors, DonorKind::kWords);
  EXPECT_EQ(found->effect.value, 1);
  double mean = 0;
  for (const double null : found->effect.nulls) mean += null / 19;
  EXPECT_NEAR(mean, 0, .15);
}

TEST_F(NumberExchange, TakesOtherRowsWhereTheTypeIsNoWordOfTheSentence) {
  std::string csv = "sentence,labels,type,block\n";
  int i = 0;
  for (int place = 0; place < 10; ++place) {
    for (const auto& [singular, plural] : testing::number_nouns()) {
      for (const std::string& form : {singular, plural}) {
        csv += fmt::format("the {} near the {},{},noun {},{}\n", form, static_cast<char>('k' + place), i % 2, i % 12,
                           singular);
        ++i;
      }
    }
  }
  load(csv, 48, 72);
  const std::optional<Findings::Exchange> found = exchange();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->donors, DonorKind::kRows);
  EXPECT_EQ(found->keep, 1);
  EXPECT_EQ(found->effect.value, 1);
}

TEST_F(NumberExchange, PrefersDonorsOfEnoughTypes) {
  // Three nouns have both forms in the data; three more have one form, so no donor in their block.
  std::string csv = "sentence,labels,type,block\n";
  const auto nouns = testing::number_nouns();
  for (int place = 0; place < 10; ++place) {
    for (size_t n = 0; n < nouns.size(); ++n) {
      const auto& [singular, plural] = nouns[n];
      for (const std::string& form : {singular, plural}) {
        if (n >= 3 && (n % 2 == 0) == (form == plural)) continue;
        csv += fmt::format("the {} near the {},{},{},{}\n", form, static_cast<char>('k' + place),
                           form == plural ? 1 : 0, form, singular);
      }
    }
  }
  load(csv, 40, 50);
  const std::optional<Findings::Exchange> found = exchange({}, 2);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->donors, DonorKind::kWords) << "six types have forms, and nine another noun";
}

TEST_F(NumberExchange, CountsTheNodesOfItsRows) {
  load(number_sentences(10), 48, 72);
  const NullHypothesis null = null_hypothesis(data_, "agreement", {}, 1);
  const Dataset& set = data_.evaluation_sets.front().second;
  const auto nodes_of = [&](int64_t n_rows) {
    return nodes_exchanged(data_, "IID", set, null, {.n_rows = n_rows}, Seed(1));
  };
  EXPECT_EQ(nodes_of(0), 0);
  EXPECT_EQ(nodes_of(1), set.trie.max_length());
  EXPECT_GE(nodes_of(60), 60) << "sentences end apart";
  EXPECT_LT(nodes_of(60), 60 * set.trie.max_length() / 4) << "and begin alike";
}

TEST_F(NumberExchange, IsNotDefinedWhereNoValueHasTwoTypes) {
  std::string csv = "sentence,labels,type,block\n";
  for (int i = 0; i < 40; ++i) {
    csv += fmt::format("the cat{} near the {},{},cat{},cat\n", i % 2 == 1 ? "s" : "", static_cast<char>('a' + i / 2),
                       i % 2, i % 2 == 1 ? "s" : "");
  }
  load(csv, 20, 20);
  EXPECT_FALSE(exchange({}, 0).has_value());
}

}  // namespace
}  // namespace cprobe
