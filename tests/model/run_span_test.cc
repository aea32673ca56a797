#include <numeric>

#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::autograd_jacobian;
using testing::drawn_model;
using testing::in_double;
using testing::numeric_jacobian;
using testing::tiny_config;

constexpr double kSame = 1e-6;      // the same sums, in other blocks
constexpr double kGradient = 1e-5;  // float32 autograd against float64 differences

/// Spans of every kind of model, over a trie whose rows share prefixes.
class RunSpan : public ::testing::TestWithParam<size_t> {
 protected:
  Stream run(Stream stream, Site from, Site to, const SpanOptions& options = {}) const {
    return run_span(model_, trie_, std::move(stream), from, to, options);
  }
  Stream start() const { return embed(model_, trie_); }
  Site end() const { return Site::end(model_.config); }

  const Model model_ = drawn_model(testing::all_computations()[GetParam()].config);
  const TokenTrie trie_ = build_trie(testing::TokenRows{{1, 2, 3, 4}, {1, 2, 5}, {1, 6, 5, 5, 0}, {2}, {1, 2, 5}});
  const at::Tensor all_ = at::arange(trie_.n_nodes());
  const at::Tensor some_ = at::tensor({5, 3, 0}, at::kLong);  // out of order
};

TEST_P(RunSpan, InTwoPartsIsTheWhole) {
  const at::Tensor whole = run(start(), Site::start(), end()).at_nodes(all_);
  for (Site site = Site::start(); site <= end(); ++site.index) {
    const Stream middle = run(start(), Site::start(), site);
    EXPECT_TRUE(agree(run(middle, site, end()).at_nodes(all_), whole, kSame)) << "site " << site.index;
    EXPECT_TRUE(agree(run(middle.expanded(), site, end()).at_nodes(all_), whole, kSame)) << "site " << site.index;
  }
}

TEST_P(RunSpan, ReadingSomeNodesGivesTheirStatesInTheFullRun) {
  const at::Tensor paths = ancestor_paths(trie_, some_).nodes;
  const at::Tensor ancestors = std::get<0>(at::_unique2(paths));
  for (Site to{1}; to <= end(); ++to.index) {
    const at::Tensor full = run(start(), Site::start(), to).at_nodes(some_);
    const Stream partial = run(start(), Site::start(), to, {.read_nodes = some_});
    EXPECT_TRUE(agree(partial.at_nodes(some_), full, kSame)) << "site " << to.index;
    EXPECT_TRUE(agree(partial.rows, full, kSame)) << "rows come in the order of read_nodes; site " << to.index;
    for (Site from{0}; from < to; ++from.index) {
      const Stream needed = run(start(), Site::start(), from, {.read_nodes = ancestors});
      EXPECT_TRUE(agree(run(needed, from, to, {.read_nodes = some_}).at_nodes(some_), full, kSame))
          << "sites " << from.index << " to " << to.index;
    }
  }
}

TEST_P(RunSpan, WithUnaffectedUpdatesIsTheSame) {
  const at::Tensor other = at::randn({trie_.n_nodes(), model_.config.d_model}, Seed(5).generator());
  for (Site site = Site::start(); site < end(); ++site.index) {
    const ComponentRef component = site.next();
    const Stream before = run(start(), Site::start(), site);
    SpanOptions options{.updates = {{component, other}}};
    const at::Tensor intervened = run(before, site, end(), options).at_nodes(all_);
    std::map<ComponentRef, at::Tensor> known = unaffected_updates(model_, trie_, before, component);
    const bool leaves_mlp = reads_before_layer(model_.config, {component.layer, Block::kMlp});
    EXPECT_EQ(known.size(), leaves_mlp && component.block == Block::kAttention ? 1u : 0u);
    options.updates.merge(known);
    EXPECT_TRUE(agree(run(before, site, end(), options).at_nodes(all_), intervened, kSame)) << "site " << site.index;
  }
}

TEST_P(RunSpan, InSlabsIsTheWhole) {
  at::Generator generator = Seed(3).generator();
  testing::TokenRows rows;
  for (int64_t r = 0; r < 2000; ++r) {  // about 1,700 nodes, more than a slab
    const at::Tensor row = at::randint(11, {1 + r % 5}, generator, at::kLong);
    rows.emplace_back(row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.size(0));
  }
  const TokenTrie trie = build_trie(rows);
  ASSERT_GT(trie.n_nodes(), 1500);
  const Site middle = Site::after({0, Block::kAttention});
  const Stream whole = run_span(model_, trie, embed(model_, trie), Site::start(), middle);
  EXPECT_TRUE(agree(stream_at(model_, trie, middle).rows, whole.at_nodes(at::arange(trie.n_nodes())), kSame));

  SpanOptions options{.read_nodes = at::randperm(trie.n_nodes(), generator, at::kLong)};
  const MatrixInfo last = matrices_of(model_.config, {0, Block::kAttention}).back();
  ComponentMask mask(matrices_of(model_.config, {0, Block::kAttention}).size());
  mask.back() = {at::rand({last.n_out}, generator), at::randn({trie.n_nodes(), last.n_in}, generator)};
  options.masks[{0, Block::kAttention}] = mask;
  const Stream start = embed(model_, trie).expanded();
  const Stream filled = run_span(model_, trie, start, Site::start(), end(), options);
  EXPECT_TRUE(agree(run_in_slabs(model_, trie, start, Site::start(), end(), options), filled.rows, kSame));
}

TEST_P(RunSpan, StreamIsTheEmbeddingPlusAllUpdates) {
  at::Tensor sum = start().at_nodes(all_);
  const auto add = [&](ComponentRef component, const at::Tensor& nodes, const at::Tensor& update,
                       const at::Tensor& state) {
    ASSERT_TRUE(at::equal(nodes, all_)) << to_string(component);
    sum = sum + update;
    EXPECT_TRUE(agree(state, sum, kSame)) << to_string(component);
  };
  run(start(), Site::start(), end(), {.on_update = add});
}

TEST_P(RunSpan, ShowsEachMatrixItsInput) {
  std::map<ComponentRef, std::vector<at::Tensor>> inputs;
  const auto record = [&](ComponentRef component, size_t matrix, const at::Tensor& x) {
    EXPECT_EQ(inputs[component].size(), matrix == 0 ? 0u : 1u);
    inputs[component].push_back(x);
  };
  const auto check = [&](ComponentRef component, const at::Tensor&, const at::Tensor& update, const at::Tensor&) {
    const std::vector<Linear> maps = model_.linears(component);
    const at::Tensor written = masked_linear(maps.back(), inputs.at(component).back());
    EXPECT_TRUE(agree(normed(written, component_of(model_, component).norm_after), update, kSame));
    EXPECT_EQ(inputs.at(component).front().size(1), maps.front().weight.size(0));
  };
  run(start(), Site::start(), end(), {.on_update = check, .on_input = record});
  EXPECT_EQ(inputs.size(), 4u);
}

TEST_P(RunSpan, AMaskScalesTheWeightsOfItsComponentOnly) {
  for (const ComponentRef component : {ComponentRef{0, Block::kAttention}, ComponentRef{1, Block::kMlp}}) {
    for (const bool per_weight : {false, true}) {
      Model scaled = model_;
      ComponentMask mask;
      for (const MatrixInfo& matrix : matrices_of(model_.config, component)) {
        at::Tensor& weight = scaled.weights.at(matrix.name + ".weight");
        at::Generator generator = Seed(1).derive(matrix.name).generator();
        mask.push_back(
            {.multiplier = per_weight ? at::rand(weight.sizes(), generator) : at::rand({matrix.n_out}, generator)});
        weight = weight * mask.back().multiplier;
      }
      const Stream ours = run(start(), Site::start(), end(), {.masks = {{component, mask}}});
      const Stream expected = run_span(scaled, trie_, embed(scaled, trie_), Site::start(), end());
      EXPECT_TRUE(agree(ours.at_nodes(all_), expected.at_nodes(all_), 10 * kSame)) << to_string(component);
    }
  }
}

TEST_P(RunSpan, LogitsOfSomeTokensAreColumnsOfAllLogits) {
  const at::Tensor states = run(start(), Site::start(), end()).at_nodes(some_);
  const at::Tensor tokens = at::tensor({4, 0, 12}, at::kLong);
  const at::Tensor all = logits(model_, states);
  EXPECT_EQ(all.sizes(), at::IntArrayRef({3, 13}));
  EXPECT_TRUE(agree(logits(model_, states, tokens), all.index_select(1, tokens), kSame));
}

TEST_P(RunSpan, GradientByGivenStatesIsThatOfDifferences) {
  if (model_.config.activation == Activation::kRelu) GTEST_SKIP() << "differences may cross the kink of ReLU";
  const Model precise = in_double(model_);
  for (const Site from : {Site{1}, Site{2}}) {
    const Stream given = run(start(), Site::start(), from).expanded();
    const auto f = [&](const at::Tensor& rows) {
      const Model& model = rows.scalar_type() == at::kDouble ? precise : model_;
      at::Tensor before_layer = given.before_layer;
      if (before_layer.defined()) before_layer = before_layer.to(rows.scalar_type());
      const Stream ended =
          run_span(model, trie_, {rows, given.row_of_node, before_layer}, from, end(), {.read_nodes = some_});
      return logits(model, ended.rows).narrow(1, 0, 4);
    };
    EXPECT_TRUE(agree(autograd_jacobian(f, given.rows), numeric_jacobian(f, given.rows), kGradient)) << from.index;
  }
}

TEST_P(RunSpan, GradientByMultipliersIsThatOfDifferences) {
  if (model_.config.activation == Activation::kRelu) GTEST_SKIP() << "differences may cross the kink of ReLU";
  const Model precise = in_double(model_);
  for (const ComponentRef component : {ComponentRef{0, Block::kAttention}, ComponentRef{0, Block::kMlp}}) {
    std::vector<int64_t> n_units;
    for (const MatrixInfo& matrix : matrices_of(model_.config, component)) n_units.push_back(matrix.n_out);
    const auto f = [&](const at::Tensor& m) {
      const Model& model = m.scalar_type() == at::kDouble ? precise : model_;
      ComponentMask mask;
      for (const at::Tensor& multiplier : at::split_with_sizes(m, n_units)) mask.push_back({.multiplier = multiplier});
      return run_span(model, trie_, embed(model, trie_), Site::start(), end(),
                      {.read_nodes = some_, .masks = {{component, mask}}})
          .rows.narrow(1, 0, 3);
    };
    const at::Tensor m = at::rand({std::accumulate(n_units.begin(), n_units.end(), int64_t{0})}, Seed(3).generator());
    EXPECT_TRUE(agree(autograd_jacobian(f, m), numeric_jacobian(f, m), kGradient)) << to_string(component);
  }
}

TEST_P(RunSpan, FillsAreOneRowPerNodeAndNeedAnExpandedStream) {
  for (const ComponentRef component : {ComponentRef{0, Block::kAttention}, ComponentRef{1, Block::kMlp}}) {
    const std::vector<MatrixInfo> matrices = matrices_of(model_.config, component);
    std::vector<at::Tensor> own(matrices.size());
    const auto record = [&](ComponentRef c, size_t matrix, const at::Tensor& x) {
      if (c != component) return;
      // Matrix 0 stands for all input matrices.
      for (size_t i = matrix; i == matrix || (matrix == 0 && i + 1 < own.size()); ++i) own[i] = x;
    };
    const at::Tensor whole = run(start().expanded(), Site::start(), end(), {.on_input = record}).at_nodes(some_);
    ComponentMask mask;
    for (const MatrixInfo& matrix : matrices) mask.push_back({at::zeros({matrix.n_out}), own[mask.size()]});
    const SpanOptions options{.read_nodes = some_, .masks = {{component, mask}}};
    const Stream filled = run(start().expanded(), Site::start(), end(), options);
    EXPECT_TRUE(agree(filled.rows, whole, 10 * kSame)) << to_string(component) << " filled with its own inputs";
  }
  ComponentMask mask(matrices_of(model_.config, {0, Block::kAttention}).size());
  mask[0] = {at::zeros({model_.config.d_model}), at::zeros({trie_.n_nodes(), model_.config.d_model})};
  EXPECT_FAILED_ERROR(run(start(), Site::start(), Site{1}, {.masks = {{{0, Block::kAttention}, mask}}}),
                      "expand the stream");
}

INSTANTIATE_TEST_SUITE_P(Models, RunSpan, ::testing::Range<size_t>(0, testing::all_computations().size()),
                         [](const auto& param) { return std::string(testing::all_computations()[param.param].name); });

TEST(Span, OfNoComponentsReturnsTheStream) {
  const Model model = drawn_model(tiny_config());
  const TokenTrie trie = build_trie(testing::TokenRows{{1, 5}, {2, 5}});
  const Stream stream = embed(model, trie);
  const Stream same = run_span(model, trie, stream, Site{1}, Site{1});
  EXPECT_TRUE(at::equal(same.rows, stream.rows));
  EXPECT_TRUE(at::equal(same.row_of_node, stream.row_of_node));
}

}  // namespace
}  // namespace cprobe
