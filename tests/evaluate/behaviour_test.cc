#include "cprobe/evaluate/behaviour.h"

#include "tests/tensors.h"
#include "tests/tiny_model.h"

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
  EXPECT_EQ(behaviour_accuracy(model_, data(answers)), 1.0);
  answers[1] = (answers[1] + 1) % 13;
  EXPECT_EQ(behaviour_accuracy(model_, data(answers)), 0.8);
}

TEST_F(BehaviourOfRows, CountsRowsThatAreTheSameSequenceEach) {
  std::vector<int64_t> answers = right();
  answers[3] = (answers[3] + 1) % 13;  // the same sequence as row 0, with another answer
  EXPECT_EQ(behaviour_accuracy(model_, data(answers)), 0.8);
}

TEST_F(BehaviourOfRows, ReadsEachLastNodeOnce) {
  const Dataset set = data(right());
  const Behaviour behaviour(set);
  EXPECT_EQ(behaviour.n_rows(), 5);
  EXPECT_TRUE(at::equal(behaviour.read_nodes(), std::get<0>(at::_unique2(set.trie.nodes_at(-1)))));
  EXPECT_EQ(behaviour.read_nodes().size(0), 4);
}

}  // namespace
}  // namespace cprobe
