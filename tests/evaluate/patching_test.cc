#include "cprobe/evaluate/patching.h"

#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

/// Rows that share prefixes. The first and the last row are equal.
TokenTrie shared_rows() {
  const std::vector<std::vector<int64_t>> rows = {{1, 2, 3, 4}, {1, 2, 3}, {1, 2, 5, 6, 7}, {8, 2, 3}, {1, 2, 3, 4}};
  return build_trie(rows);
}

class PatchedModel : public ::testing::TestWithParam<int> {
 protected:
  const Model model_ = testing::drawn_model(testing::all_computations()[static_cast<size_t>(GetParam())].config);
  const TokenTrie trie_ = shared_rows();
};

TEST_P(PatchedModel, IsTheModelWhereStatesAreTheirOwn) {
  const at::NoGradGuard no_gradients;
  const at::Tensor whole = stream_at(model_, trie_, Site::end(model_.config)).at_nodes(trie_.nodes_at(-1));
  for (int64_t index = 0; index <= 2 * model_.config.n_layers; ++index) {
    for (const int64_t position : {0, 1, -1}) {
      const Stream stream = stream_at(model_, trie_, Site{index});
      const Patching patching(model_, trie_, stream, Site{index}, position);
      const at::Tensor patched = patching.run_all(stream.at_nodes(trie_.nodes_at(position)));
      EXPECT_LE((patched - whole).abs().max().item<double>(), 1e-5) << "site " << index << ", position " << position;
    }
  }
}

TEST_P(PatchedModel, ChangesEachRowForItself) {
  const at::NoGradGuard no_gradients;
  const Site site{1};
  const Stream stream = stream_at(model_, trie_, site);
  const Patching patching(model_, trie_, stream, site, 1);
  const at::Tensor own = stream.at_nodes(trie_.nodes_at(1));
  const at::Tensor other = at::randn(own.sizes(), Seed(5).generator());
  const at::Tensor untouched = patching.run_all(own);
  const at::Tensor all = patching.run_all(other);
  for (int64_t row = 0; row < trie_.n_rows(); ++row) {
    const at::Tensor rows = at::tensor({row}, at::kLong);
    at::Tensor mixed = own.clone();
    mixed[row] = other[row];
    const at::Tensor patched = patching.run_all(mixed);
    EXPECT_LE((patched[row] - all[row]).abs().max().item<double>(), 1e-5);
    // The last token sees token 1 through the second layer's attention, if the window
    // reaches so far.
    const int64_t window = model_.config.layer(1).attention.window;
    if (window == 0 || std::ssize(trie_.row(row)) - 2 < window) {
      EXPECT_GT((patched[row] - untouched[row]).abs().max().item<double>(), 1e-3);
    }
    for (int64_t r = 0; r < trie_.n_rows(); ++r) {
      if (r == row) continue;
      EXPECT_LE((patched[r] - untouched[r]).abs().max().item<double>(), 1e-5);
    }
    EXPECT_LE((patching.of_rows(rows).run(other.narrow(0, row, 1)) - all.narrow(0, row, 1)).abs().max().item<double>(),
              1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, PatchedModel,
                         ::testing::Range(0, static_cast<int>(testing::all_computations().size())));

TEST(Patching, IsDifferentiableInTheStates) {
  Model model = testing::drawn_model(testing::tiny_config());
  for (auto& [name, weight] : model.weights) weight = weight.to(at::kDouble);
  const TokenTrie trie = shared_rows();
  const Site site{1};
  const Stream stream = run_span(model, trie, embed(model, trie), Site::start(), site);
  const Patching patching(model, trie, stream, site, 1);
  const at::Tensor rows = at::tensor({0, 2, 4}, at::kLong);
  const Patching some = patching.of_rows(rows);
  const auto end = [&](const at::Tensor& states) { return some.run(states); };
  const at::Tensor states = stream.at_nodes(trie.nodes_at(1)).index_select(0, rows);
  const at::Tensor difference = testing::autograd_jacobian(end, states) - testing::numeric_jacobian(end, states);
  EXPECT_LE(difference.abs().max().item<double>(), 1e-7);
}

TEST(Patching, NamesARowWithoutTheToken) {
  const Model model = testing::drawn_model(testing::tiny_config());
  const TokenTrie trie = shared_rows();
  EXPECT_INPUT_ERROR(Patching(model, trie, stream_at(model, trie, Site{1}), Site{1}, 4), "row");
}

}  // namespace
}  // namespace cprobe
