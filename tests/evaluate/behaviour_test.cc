#include "cprobe/evaluate/behaviour.h"

#include "cprobe/tasks/language_task.h"
#include "tests/evaluate/untouched.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe {
namespace {

using testing::TokenRows;

/// The most likely next token of one row, run alone.
int64_t answer(const Model& model, const std::vector<int64_t>& row) {
  const at::Tensor states = testing::final_states(model, build_trie(TokenRows{row}));
  return logits(model, states)[-1].argmax().item<int64_t>();
}

class BehaviourOfRows : public ::testing::Test {
 protected:
  const Model model_ = testing::drawn_model(testing::tiny_config());
  const TokenRows rows_ = {{1, 2, 3}, {1, 2}, {4}, {1, 2, 3}, {5, 5, 5, 5}};

  Dataset data(const std::vector<int64_t>& answers) const {
    return {.trie = build_trie(rows_), .answers = at::tensor(answers, at::kLong)};
  }
  std::vector<int64_t> right() const {
    std::vector<int64_t> answers;
    for (const std::vector<int64_t>& row : rows_) answers.push_back(answer(model_, row));
    return answers;
  }
};

TEST_F(BehaviourOfRows, IsTheShareOfRowsWhoseLikeliestNextTokenIsTheAnswer) {
  std::vector<int64_t> answers = right();
  EXPECT_EQ(testing::untouched_accuracy(model_, data(answers)), 1.0);
  answers[1] = (answers[1] + 1) % 13;
  EXPECT_EQ(testing::untouched_accuracy(model_, data(answers)), 0.8);
}

TEST_F(BehaviourOfRows, CountsRowsThatAreTheSameSequenceEach) {
  std::vector<int64_t> answers = right();
  answers[3] = (answers[3] + 1) % 13;  // The same sequence as row 0, with another answer.
  EXPECT_EQ(testing::untouched_accuracy(model_, data(answers)), 0.8);
}

TEST_F(BehaviourOfRows, ReadsEachLastNodeOnce) {
  const Dataset set = data(right());
  const Behaviour behaviour(set);
  EXPECT_EQ(behaviour.n_rows(), 5);
  EXPECT_TRUE(at::equal(behaviour.read_nodes(), std::get<0>(at::_unique2(set.trie.nodes_at(-1)))));
  EXPECT_EQ(behaviour.read_nodes().size(0), 4);
}

TEST_F(BehaviourOfRows, IsTheShareOfRowsWhereAContinuationWinsAsExpected) {
  Dataset set = data(right());
  const Stream end = run_span(model_, set.trie, embed(model_, set.trie), Site::start(), Site::end(model_.config));
  const at::Tensor of_rows = logits(model_, end.at_nodes(set.trie.nodes_at(-1)));
  const at::Tensor beats_both = of_rows.select(1, 3) > at::maximum(of_rows.select(1, 5), of_rows.select(1, 9));
  set.contrast =
      Contrast{.continuation = at::full({5}, 3, at::kLong), .against = at::tensor({5, 9}, at::kLong).repeat({5, 1})};
  set.answers = at::where(beats_both, 3, 5);
  EXPECT_EQ(testing::untouched_accuracy(model_, set), 1.0);
  set.answers[2] = 8 - set.answers[2].item<int64_t>();  // The other one of 3 and 5.
  EXPECT_EQ(testing::untouched_accuracy(model_, set), 0.8);
  set.answers = at::where(beats_both, 5, 3);
  EXPECT_EQ(testing::untouched_accuracy(model_, set), 0.0);
}

TEST_F(BehaviourOfRows, MeasuresTheWholeDistributionOfTheNextToken) {
  const Dataset set = data(right());
  const Behaviour behaviour(set);
  const Stream start = embed(model_, set.trie);
  const Untouched untouched = run_untouched(model_, set, start, Site::start());
  const at::Tensor moved = untouched.states + at::randn(untouched.states.sizes(), Seed(3).generator());
  const auto log_p = [&](const at::Tensor& states) {
    return at::log_softmax(logits(model_, states).to(at::kDouble), 1)
        .index_select(0, distinct(set.trie.nodes_at(-1)).place);
  };
  const at::Tensor before = log_p(untouched.states), now = log_p(moved);
  const NextTokenEffect effect = behaviour.effect(model_, moved, untouched.states);
  EXPECT_NEAR(effect.divergence, (before.exp() * (before - now)).sum(1).mean().item<double>(), 1e-9);
  EXPECT_NEAR(effect.log_probability, now.gather(1, set.answers.unsqueeze(1)).mean().item<double>(), 1e-9);
  EXPECT_NEAR(behaviour.effect(model_, untouched.states, untouched.states).divergence, 0, 1e-12);
  EXPECT_GT(effect.divergence, 0);
}

TEST_F(BehaviourOfRows, GivesOutcomesOfEachRow) {
  std::vector<int64_t> answers = right();
  answers[3] = (answers[3] + 1) % 13;  // The same sequence as row 0, with another answer.
  Dataset set = data(answers);
  const Untouched untouched = run_untouched(model_, set, embed(model_, set.trie), Site::start());
  const at::Tensor place = distinct(set.trie.nodes_at(-1)).place;
  const Outcomes of_rows = outcomes_of(model_, untouched.states, place, set.answers, {}, true);
  EXPECT_EQ(of_rows.n_rows(), 5);
  EXPECT_TRUE(at::equal(of_rows.answer, at::tensor(right(), at::kLong)));
  EXPECT_TRUE(at::equal(of_rows.right, at::tensor({1, 1, 1, 0, 1}).to(at::kBool)));
  EXPECT_EQ(of_rows.accuracy(), 0.8);
  const at::Tensor log_p = at::log_softmax(logits(model_, untouched.states).to(at::kDouble), 1).index_select(0, place);
  EXPECT_TRUE(testing::agree(of_rows.log_probability, log_p.gather(1, set.answers.unsqueeze(1)).squeeze(1), 1e-12));
  EXPECT_FALSE(outcomes_of(model_, untouched.states, place, set.answers, {}).log_probability.defined());

  // With a contrast, the answer is whether the continuation wins.
  const Contrast contrast{.continuation = of_rows.answer, .against = at::full({5, 1}, 3, at::kLong)};
  const at::Tensor wins = of_rows.answer.ne(3);
  const Outcomes contrasted = outcomes_of(model_, untouched.states, place, set.answers, contrast, true);
  EXPECT_TRUE(at::equal(contrasted.answer, wins.to(at::kLong)));
  EXPECT_TRUE(at::equal(contrasted.right, wins.eq(set.answers.eq(of_rows.answer))));
  EXPECT_TRUE(at::equal(contrasted.log_probability, of_rows.log_probability));
}

/// The log-probability of a continuation of a row, run alone.
double log_probability(const Model& model, std::vector<int64_t> row, const std::vector<int64_t>& continuation) {
  double sum = 0;
  for (const int64_t token : continuation) {
    const at::Tensor states = testing::final_states(model, build_trie(TokenRows{row}));
    sum += at::log_softmax(logits(model, states)[-1].to(at::kDouble), 0)[token].item<double>();
    row.push_back(token);
  }
  return sum;
}

class WholeContinuationsOf : public ::testing::TestWithParam<testing::NamedConfig> {};

TEST_P(WholeContinuationsOf, WinByTheLogProbabilityOfAllTheirTokens) {
  const testing::TemporaryFolder folder;
  LanguageTask task{.name = "mine",
                    .expectation = Expectation{.continuation_column = "good", .against_columns = {"bad", "worse"}},
                    .variables = {"v"}};
  // Letters are tokens, so that continuations have 2 or 3 tokens.
  std::string csv = "sentence,v,good,bad,worse\n";
  for (int i = 0; i < 24; ++i) {
    const auto letter = [&](int k) { return static_cast<char>('a' + (i * k + k) % 26); };
    csv += fmt::format("{}{}q,{},{}{},{}{},{}xy\n", letter(3), letter(5), i % 2, letter(7), letter(1), letter(11),
                       letter(4), letter(2));
  }
  task.sentences = testing::write_bytes(folder / "rows.csv", csv);
  const testing::SmallTokenizer words = testing::word_tokenizer({"are"});
  ModelConfig config = GetParam().config;
  config.vocab = words.make().size();
  config.n_positions = 12;
  const Model model = testing::drawn_model(config);
  const LanguageData data = load_language_data(task, words.make(), config.vocab, config.n_positions);
  int n_right = 0, n_rows = 0;
  for (const Dataset* set : {&data.train, &data.test}) {
    const Behaviour behaviour(*set);
    const at::Tensor right =
        behaviour.right(model, run_untouched(model, *set, embed(model, set->trie), Site::start()).states);
    const WholeContinuations& whole = *set->contrast->whole;
    for (int64_t r = 0; r < set->trie.n_rows(); ++r) {
      std::vector<int64_t> row;
      for (const int64_t node : set->trie.row(r)) row.push_back(set->trie.token[node].item<int64_t>());
      std::vector<double> sums;
      for (int64_t o = 0; o < 3; ++o) {
        std::vector<int64_t> continuation;
        for (int64_t k = 0; k < whole.token.size(2); ++k) {
          const auto token = whole.token[r][o][k].item<int64_t>();
          if (token >= 0) continuation.push_back(token);
        }
        sums.push_back(log_probability(model, row, continuation));
      }
      EXPECT_EQ(right[r].item<bool>(), sums[0] > std::max(sums[1], sums[2]));
      n_right += right[r].item<bool>() ? 1 : 0;
      ++n_rows;
    }
    EXPECT_INPUT_ERROR(require_single_tokens(*set, "DAS"), "DAS needs continuations of one token each");
  }
  EXPECT_EQ(n_rows, 24);
  EXPECT_GT(n_right, 0);
  EXPECT_LT(n_right, n_rows);
}

INSTANTIATE_TEST_SUITE_P(Models, WholeContinuationsOf, ::testing::ValuesIn(testing::all_kinds()),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace cprobe
