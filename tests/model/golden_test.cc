#include "tests/golden_model.h"

namespace cprobe {
namespace {

using testing::GoldenRows;

class GoldenForward : public testing::GoldenModelTest {
 protected:
  /// Runs all rows; `masks` act on their components. Every component's update and state come to `observe`, by node.
  at::Tensor run(const GoldenRows& at, std::map<ComponentRef, ComponentMask> masks, const UpdateObserver& observe) {
    const at::NoGradGuard no_gradients;
    const SpanOptions options{.masks = std::move(masks), .on_update = observe};
    const Stream end =
        run_span(model(), at.trie, embed(model(), at.trie), Site::start(), Site::end(model().config), options);
    return logits(model(), end.at_nodes(at::arange(at.trie.n_nodes())));
  }
};

TEST_P(GoldenForward, UpdatesStatesAndLogitsAgreeAtEveryToken) {
  const GoldenRows at = rows("");
  int64_t n_seen = 0;
  const auto observe = [&](ComponentRef component, const at::Tensor& nodes, const at::Tensor& update,
                           const at::Tensor& state) {
    ASSERT_TRUE(at::equal(nodes, at::arange(at.trie.n_nodes()))) << to_string(component);
    expect_at_tokens(fmt::format("{}_update.{}", to_string(component.block), component.layer), at, update);
    if (component.block == Block::kMlp) expect_at_tokens(fmt::format("resid_post.{}", component.layer), at, state);
    ++n_seen;
  };
  const at::Tensor ours = run(at, {}, observe);
  EXPECT_EQ(n_seen, 2 * model().config.n_layers);
  expect_at_tokens("logits", at, ours);
}

TEST_P(GoldenForward, HardMasksOnOneComponentAgree) {
  const GoldenRows at = rows("");
  for (const Block block : {Block::kAttention, Block::kMlp}) {
    const ComponentRef masked{masked_layer(), block};
    const std::string name(to_string(block));
    ComponentMask mask;
    for (const MatrixInfo& matrix : matrices_of(model().config, masked)) {
      mask.push_back({.multiplier = golden("mask." + name + "." + matrix.short_name)});
    }
    const auto observe = [&](ComponentRef component, const at::Tensor&, const at::Tensor& update, const at::Tensor&) {
      if (component == masked) expect_at_tokens("masked_update." + name, at, update);
    };
    expect_at_tokens("masked_logits." + name, at, run(at, {{masked, mask}}, observe));
  }
}

INSTANTIATE_GOLDEN_GPT2(GoldenForward);

}  // namespace
}  // namespace cprobe
