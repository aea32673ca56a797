#include "cprobe/evaluate/ablation_bench.h"

#include "tests/evaluate/untouched.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::TokenRows;

const Seed kSeed{3};

class Fills : public ::testing::TestWithParam<ComponentRef> {
 protected:
  /// Inputs of both matrices of the component at every node, [n_nodes, n_in] each.
  std::vector<at::Tensor> inputs(const TokenTrie& trie) const {
    std::vector<at::Tensor> seen(2);
    const auto record = [&](ComponentRef component, size_t matrix, const at::Tensor& x) {
      if (component == component_) seen[matrix] = x;
    };
    run_span(model_, trie, embed(model_, trie).expanded(), Site::start(), Site::after(component_),
             {.on_input = record});
    return seen;
  }

  /// The model's answers if the removed units of the component get these inputs in place of their
  /// own.
  at::Tensor answers(const TokenTrie& trie, const std::vector<at::Tensor>& fills) const {
    ComponentMask mask;
    for (size_t i = 0; i < fills.size(); ++i) mask.push_back({removed_[i], fills[i]});
    const Stream end = run_span(model_, trie, embed(model_, trie).expanded(), Site::start(), Site::end(model_.config),
                                {.masks = {{component_, mask}}});
    return logits(model_, end.at_nodes(trie.nodes_at(-1))).argmax(1);
  }

  double accuracy(const Dataset& evaluation, const Dataset& training, Fill fill, Seed seed = kSeed) const {
    const Stream training_before = before(training);
    const AblationBench bench(model_, component_, evaluation, before(evaluation),
                              run_untouched(model_, evaluation, before(evaluation), Site::before(component_)),
                              &training, &training_before);
    return bench.measure(removed_, fill, seed).accuracy;
  }

  Stream before(const Dataset& data) const {
    return run_span(model_, data.trie, embed(model_, data.trie), Site::start(), Site::before(component_));
  }

  const at::NoGradGuard no_gradients_;
  const ComponentRef component_ = GetParam();
  const Model model_ = testing::drawn_model(testing::tiny_config());
  /// Multipliers that remove half of the units of each matrix.
  const std::vector<at::Tensor> removed_ = [this] {
    std::vector<at::Tensor> multipliers;
    for (const MatrixInfo& m : matrices_of(model_.config, component_)) {
      multipliers.push_back((at::arange(m.n_out) % 2).to(at::kFloat));
    }
    return multipliers;
  }();
};

TEST_P(Fills, ChangeNothingWhereEveryPositionHasOneInputOnly) {
  // All rows are beginnings of one sequence, so each position has one input only. The mean and
  // every donor equal that input.
  TokenRows rows;
  for (int64_t n = 1; n <= 7; ++n) {
    rows.push_back({});
    for (int64_t t = 0; t < n; ++t) rows.back().push_back((3 * t * t + 1) % 13);
  }
  Dataset data{.trie = build_trie(rows)};
  data.answers = answers(data.trie, inputs(data.trie));
  EXPECT_EQ(testing::untouched_accuracy(model_, data), 1) << "the units' own inputs are no ablation";
  EXPECT_EQ(accuracy(data, data, Fill::kMean), 1);
  EXPECT_EQ(accuracy(data, data, Fill::kResample), 1);
  EXPECT_LT(accuracy(data, data, Fill::kZero), 1) << "answers cannot tell the fills apart";
}

TEST_P(Fills, MeanIsOverTheTrainingTokensAtThePosition) {
  const Dataset training{.trie = build_trie(testing::ragged_rows(model_.config, 30, Seed(7)))};
  Dataset evaluation{.trie = build_trie(testing::ragged_rows(model_.config, 60, Seed(8)))};
  std::vector<at::Tensor> means;
  for (const at::Tensor& x : inputs(training.trie)) {
    means.push_back(at::zeros({evaluation.trie.n_nodes(), x.size(1)}));
    for (int64_t node = 0; node < evaluation.trie.n_nodes(); ++node) {
      // Nodes of the training tokens at this position, once per row.
      std::vector<int64_t> tokens;
      for (const int64_t donor : training.trie.row_nodes) {
        if (training.trie.position[donor].item<int64_t>() == evaluation.trie.position[node].item<int64_t>())
          tokens.push_back(donor);
      }
      means.back()[node] = x.index_select(0, at::tensor(tokens, at::kLong)).mean(0);
    }
  }
  evaluation.answers = answers(evaluation.trie, means);
  EXPECT_EQ(accuracy(evaluation, training, Fill::kMean), 1);
  EXPECT_LT(testing::untouched_accuracy(model_, evaluation), 1) << "answers cannot tell the fill from no ablation";
}

TEST_P(Fills, ResampledInputsComeFromOneTrainingTokenAtThePosition) {
  // There are two training rows. Whatever is drawn, each node gets the input of one of the two rows
  // at its own position.
  const Dataset training{.trie = build_trie(TokenRows{{1, 2, 3}, {4, 5, 6}})};
  Dataset evaluation{.trie = build_trie(TokenRows{{7, 8, 9}})};
  const std::vector<at::Tensor> donors = inputs(training.trie);
  // Answers of the single row, for each choice of donors.
  std::vector<at::Tensor> possible;
  for (int64_t choice = 0; choice < 8; ++choice) {
    std::vector<at::Tensor> fills;
    const at::Tensor rows =
        at::tensor({3 * (choice & 1), 1 + 3 * (choice >> 1 & 1), 2 + 3 * (choice >> 2 & 1)}, at::kLong);
    for (const at::Tensor& x : donors) fills.push_back(x.index_select(0, rows));
    possible.push_back(answers(evaluation.trie, fills));
  }
  bool from_both_ends[2] = {false, false};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    bool found = false;
    for (int64_t answer = 0; answer < 13; ++answer) {
      evaluation.answers = at::full({1}, answer, at::kLong);
      if (accuracy(evaluation, training, Fill::kResample, Seed(seed)) == 0) continue;
      for (size_t choice = 0; choice < 8; ++choice) {
        if (!at::equal(possible[choice], evaluation.answers)) continue;
        found = true;
        from_both_ends[choice >> 2] = true;
      }
    }
    EXPECT_TRUE(found) << "seed " << seed << ": the answer of no choice of donors";
  }
  EXPECT_TRUE(from_both_ends[0] && from_both_ends[1]);
}

TEST_P(Fills, LongerRowsThanInTrainingDrawFromAllPositions) {
  const Dataset training{.trie = build_trie(TokenRows{{1, 2}, {3}})};
  Dataset evaluation{.trie = build_trie(TokenRows{{7, 8, 9}})};
  std::vector<at::Tensor> fills;
  for (const at::Tensor& x : inputs(training.trie)) {
    // The training nodes are 1, 1 2 and 3. The first position has 1 and 3, the second 1 2, and the
    // third has none and takes all.
    fills.push_back(at::stack({(x[0] + x[2]) / 2, x[1], x.mean(0)}));
  }
  evaluation.answers = answers(evaluation.trie, fills);
  EXPECT_EQ(accuracy(evaluation, training, Fill::kMean), 1);
  EXPECT_NO_THROW(accuracy(evaluation, training, Fill::kResample));
}

TEST_P(Fills, OtherThanZeroNeedTrainingData) {
  const Dataset data{.trie = build_trie(TokenRows{{7, 8, 9}}), .answers = at::zeros({1}, at::kLong)};
  const AblationBench bench(model_, component_, data, before(data),
                            run_untouched(model_, data, before(data), Site::before(component_)));
  EXPECT_NO_THROW(bench.measure(removed_, Fill::kZero, kSeed));
  EXPECT_FAILED_ERROR(bench.measure(removed_, Fill::kMean, kSeed), "fill 'mean' needs training data");
  EXPECT_FAILED_ERROR(bench.measure(removed_, Fill::kResample, kSeed), "fill 'resample' needs training data");
}

INSTANTIATE_TEST_SUITE_P(Components, Fills,
                         ::testing::Values(ComponentRef{0, Block::kAttention}, ComponentRef{0, Block::kMlp},
                                           ComponentRef{1, Block::kMlp}),
                         [](const auto& param) {
                           return fmt::format("L{}_{}", param.param.layer, to_string(param.param.block));
                         });

TEST(FillNames, GoThereAndBack) {
  for (const Fill fill : kFills) EXPECT_EQ(parse_fill(to_string(fill)), fill);
  EXPECT_INPUT_ERROR(parse_fill("median"), "unknown fill 'median': expected zero, mean, resample");
}

}  // namespace
}  // namespace cprobe
