#include "cprobe/model/component.h"

#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kComponentTolerance = 2e-6;  // float32 against float64, numbers of size 1

/// Components of every kind of model, over a stream of random states.
class ComponentSteps : public ::testing::TestWithParam<size_t> {
 protected:
  /// The outputs of the input matrices.
  at::Tensor joined(const Component& component) const {
    return project_in(component, normed_input(component, stream_.rows));
  }
  Projections projections(const Component& component) const {
    return split_projections(model_.config, joined(component));
  }

  const Model model_ = testing::drawn_model(testing::all_computations()[GetParam()].config);
  const TokenTrie trie_ = build_trie(testing::ragged_rows(model_.config, 9, Seed(5)));
  const at::Tensor all_ = at::arange(trie_.n_nodes());
  const Stream stream_{at::randn({trie_.n_nodes(), model_.config.d_model}, Seed(6).generator()), all_};
};

NormMap in_float64(NormMap norm) {
  if (norm.weight.defined()) norm.weight = norm.weight.to(at::kDouble);
  if (norm.bias.defined()) norm.bias = norm.bias.to(at::kDouble);
  return norm;
}

/// Attention over one sequence in float64: all scores of all pairs of tokens, then the causal mask
/// and the window.
at::Tensor dense_attention(const Component& component, const Projections& rows) {
  const ModelConfig& config = component.config;
  const LayerConfig& layer = component.layer();
  const int64_t length = rows.q.size(0), group = config.n_heads / config.n_kv_heads;
  const at::Tensor positions = at::arange(length);
  const auto heads = [&](const at::Tensor& x, const NormMap& own_norm, bool turned, int64_t repeats) {
    at::Tensor wide = x.to(at::kDouble);
    if (config.qkv_clip > 0) wide = wide.clamp(-config.qkv_clip, config.qkv_clip);
    const NormMap norm = in_float64(own_norm);
    if (turned && norm.kind != Norm::kNone) {
      const bool of_all = norm.weight.dim() == 1 && norm.weight.size(0) == wide.size(1);
      wide = of_all ? normed(wide, norm) : normed(wide.view({length, -1, config.d_head}), norm).view({length, -1});
    }
    if (turned && layer.rotary.n_dims > 0) {
      wide = rotate(wide, positions, rotary_table(layer.rotary, length, length), config.d_head);
    }
    return wide.reshape({length, -1, config.d_head}).repeat_interleave(repeats, 1).transpose(0, 1);
  };
  const double scale = layer.attention.scale.value_or(1 / std::sqrt(static_cast<double>(config.d_head)));
  const at::Tensor q = heads(rows.q, component.q_norm, true, 1), k = heads(rows.k, component.k_norm, true, group);
  at::Tensor scores = scale * at::matmul(q, k.transpose(1, 2));
  if (const double cap = layer.attention.soft_cap; cap > 0) scores = cap * (scores / cap).tanh();
  const at::Tensor distance = positions.unsqueeze(1) - positions;
  at::Tensor unseen = distance < 0;
  if (layer.attention.window > 0) unseen = unseen.logical_or(distance >= layer.attention.window);
  const at::Tensor p = scores.masked_fill(unseen, -INFINITY).softmax(-1);
  return at::matmul(p, heads(rows.v, {}, false, group)).transpose(0, 1).reshape({length, -1});
}

TEST_P(ComponentSteps, AttentionIsThatOfEachSequenceUnderItsLayersSettings) {
  for (int64_t l = 0; l < model_.config.n_layers; ++l) {
    const Component component = component_of(model_, {l, Block::kAttention});
    const Projections rows = projections(component);
    const at::Tensor z = attend(component, rows, attention_paths(component, trie_, stream_, all_));
    for (int64_t r = 0; r < trie_.n_rows(); ++r) {
      const std::span<const int64_t> path = trie_.row(r);
      const at::Tensor nodes = at::tensor(std::vector<int64_t>(path.begin(), path.end()));
      const Projections own{rows.q.index_select(0, nodes), rows.k.index_select(0, nodes),
                            rows.v.index_select(0, nodes)};
      EXPECT_TRUE(agree(z.index_select(0, nodes), dense_attention(component, own), kComponentTolerance))
          << "layer " << l << ", row " << r;
    }
  }
}

TEST_P(ComponentSteps, PathsOfSomeQueriesNeedTheirKeysOnly) {
  const Component component = component_of(model_, {1, Block::kAttention});
  const Projections rows = projections(component);
  const AttentionPaths all = attention_paths(component, trie_, stream_, all_);
  EXPECT_TRUE(at::equal(all.own_rows(), all_));
  const at::Tensor which = at::tensor({4, 1, 4}, at::kLong);
  AttentionPaths some = all.of_queries(which);
  const at::Tensor kept = some.drop_unread_keys();
  EXPECT_TRUE(at::equal(kept, std::get<0>(at::_unique2(ancestor_paths(trie_, which).nodes))));
  EXPECT_TRUE(at::equal(kept.index_select(0, some.own_rows()), which));
  const Projections needed{rows.q.index_select(0, which), rows.k.index_select(0, kept), rows.v.index_select(0, kept)};
  EXPECT_TRUE(
      agree(attend(component, needed, some), attend(component, rows, all).index_select(0, which), kComponentTolerance));
}

TEST_P(ComponentSteps, MakeTheUpdateOfTheForwardPass) {
  for (const ComponentRef ref : {ComponentRef{1, Block::kAttention}, ComponentRef{0, Block::kMlp}}) {
    const Component component = component_of(model_, ref);
    ComponentMask masks;
    for (const Linear& map : component.maps) {
      const at::Tensor multiplier = at::rand({map.weight.size(1)}, Seed(7).generator());
      masks.push_back({.multiplier = multiplier, .fill = at::ones({trie_.n_nodes(), map.weight.size(0)})});
    }
    const at::Tensor joined = project_in(component, normed_input(component, stream_.rows), masks);
    const at::Tensor hidden = ref.block == Block::kMlp ? hidden_layer(hidden_layer_of(model_.config), joined)
                                                       : attend(component, split_projections(model_.config, joined),
                                                                attention_paths(component, trie_, stream_, all_));
    const at::Tensor update = update_from(component, hidden, masks.back());
    const auto compare = [&](ComponentRef, const at::Tensor&, const at::Tensor& in_the_model, const at::Tensor&) {
      EXPECT_TRUE(agree(update, in_the_model, kComponentTolerance)) << to_string(ref);
    };
    Stream stream = stream_;
    stream.begin_layer(model_.config, ref.layer);
    run_span(model_, trie_, stream, Site::before(ref), Site::after(ref),
             {.masks = {{ref, masks}}, .on_update = compare});
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ComponentSteps, ::testing::Range<size_t>(0, testing::all_computations().size()),
                         [](const auto& param) { return std::string(testing::all_computations()[param.param].name); });

TEST(ComponentStep, NormsByMeanAndVarianceOrByMeanSquare) {
  const at::Tensor x = at::randn({3, 8}, Seed(1).generator()), w = at::randn({8}, Seed(2).generator()),
                   b = at::randn({8}, Seed(3).generator());
  const at::Tensor centred = x - x.mean(1, true);
  const at::Tensor variance = centred.square().mean(1, true);
  EXPECT_TRUE(
      agree(normed(x, {Norm::kLayer, 0.1, w, b}), centred / (variance + 0.1).sqrt() * w + b, kComponentTolerance));
  const at::Tensor mean_square = x.square().mean(1, true);
  EXPECT_TRUE(agree(normed(x, {Norm::kRms, 0.1, w, {}}), x / (mean_square + 0.1).sqrt() * w, kComponentTolerance));
}

TEST(ComponentStep, GatesTheHiddenLayerWhereThereIsAGate) {
  ModelConfig config = testing::tiny_config();
  config.activation = Activation::kRelu;
  const at::Tensor gate = at::randn({3, config.d_mlp}, Seed(1).generator());
  const at::Tensor up = at::randn({3, config.d_mlp}, Seed(2).generator());
  const HiddenLayer layer = hidden_layer_of(config);
  EXPECT_TRUE(at::equal(hidden_layer(layer, gate), gate.clamp_min(0)));
  EXPECT_TRUE(at::equal(hidden_layer(layer, at::cat({gate, up}, 1)), gate.clamp_min(0) * up));
}

TEST(ComponentStep, HasPlainScoresWhereNothingComesBetweenProductAndSoftmax) {
  const auto plain = [](const LayerConfig& layer) {
    ModelConfig config = testing::tiny_config();
    config.layers = {{}, layer};
    return has_plain_scores(component_of(testing::drawn_model(config), {1, Block::kAttention}));
  };
  EXPECT_TRUE(plain({}));
  EXPECT_TRUE(plain({.attention = {.scale = 2, .window = 3}}));
  EXPECT_FALSE(plain({.attention = {.soft_cap = 30}}));
  EXPECT_FALSE(plain({.rotary = {.n_dims = 4}}));
}

TEST(ComponentStep, RefusesPathsThroughTokensThatWereNotComputed) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const TokenTrie trie = build_trie(testing::TokenRows{{1, 2, 3}});
  const Stream last{at::randn({1, 8}), at::tensor({-1, -1, 0}, at::kLong)};
  EXPECT_FAILED_ERROR(
      attention_paths(component_of(model, {0, Block::kAttention}), trie, last, at::tensor({2}, at::kLong)),
      "a token that was not computed");
}

}  // namespace
}  // namespace cprobe
