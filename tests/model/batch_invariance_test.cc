#include <numeric>

#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::drawn_model;
using testing::final_states;
using testing::TokenRows;

// The sums are the same, but in blocks that depend on the number of rows: a few float32 roundings.
constexpr double kTolerance = 1e-5;

at::Tensor all_logits(const Model& model, const TokenRows& rows) {
  return logits(model, final_states(model, build_trie(rows)));
}

/// The logits of each row, computed as a batch of its own.
at::Tensor one_at_a_time(const Model& model, const TokenRows& rows) {
  std::vector<at::Tensor> by_row;
  for (const std::vector<int64_t>& row : rows) by_row.push_back(all_logits(model, {row}));
  return at::cat(by_row);
}

class BatchInvariance : public ::testing::TestWithParam<std::tuple<size_t, uint64_t>> {
 protected:
  void SetUp() override {
    const auto [kind, seed] = GetParam();
    const ModelConfig config = testing::all_computations()[kind].config;
    model_ = drawn_model(config, Seed(seed));
    rows_ = testing::ragged_rows(config, 9, Seed(seed));
  }

  Model model_;
  TokenRows rows_;
};

TEST_P(BatchInvariance, ATrieGivesWhatEachSequenceGivesAlone) {
  ASSERT_LT(build_trie(rows_).n_nodes(), static_cast<int64_t>(build_trie(rows_).row_nodes.size())) << "nothing shared";
  EXPECT_TRUE(agree(all_logits(model_, rows_), one_at_a_time(model_, rows_), kTolerance));
}

TEST_P(BatchInvariance, TheOrderOfRowsDoesNotMatter) {
  const TokenRows reversed(rows_.rbegin(), rows_.rend());
  std::vector<int64_t> lengths;
  for (const std::vector<int64_t>& row : reversed) lengths.push_back(static_cast<int64_t>(row.size()));
  std::vector<at::Tensor> by_row = all_logits(model_, reversed).split_with_sizes(lengths);
  std::reverse(by_row.begin(), by_row.end());
  EXPECT_TRUE(agree(at::cat(by_row), all_logits(model_, rows_), kTolerance));
}

TEST_P(BatchInvariance, MoreRowsChangeNothingInTheOthers) {
  const at::Tensor alone = all_logits(model_, rows_);
  TokenRows more = rows_;
  for (const std::vector<int64_t>& row : testing::ragged_rows(model_.config, 40, Seed(99))) more.push_back(row);
  EXPECT_TRUE(agree(all_logits(model_, more).narrow(0, 0, alone.size(0)), alone, kTolerance));
}

INSTANTIATE_TEST_SUITE_P(Models, BatchInvariance,
                         ::testing::Combine(::testing::Range<size_t>(0, testing::all_computations().size()),
                                            ::testing::Range<uint64_t>(0, 3)),
                         [](const auto& param) {
                           return fmt::format("{}_seed_{}", testing::all_computations()[std::get<0>(param.param)].name,
                                              std::get<1>(param.param));
                         });

/// Changes a state of row 1 only. Rows 0 to 2 share their first three tokens; row 3 shares none.
class Intervention : public ::testing::TestWithParam<int64_t> {
 protected:
  /// The logits at all tokens of each row. At the site given, moves the state of row 1 at token 1
  /// by `by` times a fixed direction.
  std::vector<at::Tensor> run(const TokenTrie& trie, double by) const {
    const Site site{GetParam()};
    Stream stream = run_span(model_, trie, embed(model_, trie), Site::start(), site).expanded();
    stream.rows = stream.rows.clone();
    stream.rows[trie.row(1)[1]] += by * at::arange(8) / 8;
    const Stream end = run_span(model_, trie, stream, site, Site::end(model_.config));
    std::vector<at::Tensor> by_row;
    for (int64_t r = 0; r < trie.n_rows(); ++r) {
      const std::span<const int64_t> nodes = trie.row(r);
      by_row.push_back(logits(model_, end.at_nodes(at::tensor(std::vector<int64_t>(nodes.begin(), nodes.end())))));
    }
    return by_row;
  }

  const Model model_ = drawn_model(testing::tiny_config());
  const TokenRows rows_ = {{1, 2, 3, 4, 5}, {1, 2, 3, 6}, {1, 2, 3}, {7, 2, 3}};
  const TokenTrie shared_ = build_trie(rows_);
  const TokenTrie branched_ = branch(shared_, at::tensor({1}, at::kLong), at::tensor({1}, at::kLong)).trie;
};

TEST_P(Intervention, OnOneRowLeavesRowsThatShareItsPrefixUntouched) {
  const std::vector<at::Tensor> before = run(branched_, 0), after = run(branched_, 1);
  for (size_t r : {0u, 2u, 3u}) {
    EXPECT_TRUE(at::equal(after[r], before[r])) << "row " << r << ": " << agree(after[r], before[r], 0).message();
  }
  EXPECT_TRUE(at::equal(after[1][0], before[1][0])) << "the token before the intervention changed";
  for (int64_t t : {1, 2, 3}) {
    // After the last attention block, no later token reads the changed state.
    const bool reads_it = t == 1 || Site{GetParam()} < Site::before({1, Block::kMlp});
    EXPECT_EQ(at::equal(after[1][t], before[1][t]), !reads_it) << "token " << t;
  }
}

TEST_P(Intervention, OfNothingChangesNothing) {
  const std::vector<at::Tensor> with_branch = run(branched_, 0), without = run(shared_, 0);
  for (size_t r = 0; r < rows_.size(); ++r) EXPECT_TRUE(agree(with_branch[r], without[r], kTolerance)) << "row " << r;
}

INSTANTIATE_TEST_SUITE_P(Sites, Intervention, ::testing::Range<int64_t>(0, 5));

}  // namespace
}  // namespace cprobe
