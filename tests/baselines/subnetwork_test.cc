#include "cprobe/baselines/subnetwork.h"

#include "cprobe/baselines/probe.h"
#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kGradient = 1e-4;  // For float32 gradients against differences in float64.

class Subnetwork : public ::testing::TestWithParam<std::tuple<SubnetworkScope, MaskUnit>> {
 protected:
  SubnetworkScope scope() const { return std::get<0>(GetParam()); }
  MaskedComponents masked_in(const Model& model, Site site = {3}) const {
    return masked_before(model, scope(), site, std::get<1>(GetParam()));
  }
  MaskedView view_of(const MaskedComponents& masked) const { return {masked, trie_, nodes_, seen_in(scope())}; }

  static at::Tensor sizes(const MaskedComponents& masked) {
    std::vector<int64_t> sizes;
    for (const MatrixInfo& matrix : masked.matrices()) {
      int64_t n = 1;
      for (const int64_t length : unit_shape(matrix, masked.unit())) n *= length;
      sizes.push_back(n);
    }
    return at::tensor(sizes, at::kLong);
  }

  /// The mask whose parameters stand one after the other in `flat`.
  static Mask mask_of(const MaskedComponents& masked, const at::Tensor& flat) {
    Mask mask{.unit = masked.unit(), .matrices = masked.matrices()};
    int64_t begin = 0;
    for (const MatrixInfo& matrix : mask.matrices) {
      const std::vector<int64_t> shape = unit_shape(matrix, mask.unit);
      int64_t n = 1;
      for (const int64_t length : shape) n *= length;
      mask.parameters.push_back(flat.narrow(0, begin, n).view(shape));
      begin += n;
    }
    return mask;
  }

  const Model model_ = testing::drawn_model(testing::tiny_config());
  const TokenTrie trie_ = build_trie(testing::ragged_rows(model_.config, 7, Seed(5)));
  const at::Tensor nodes_ = trie_.nodes_at(-1);  // The last row repeats the first.
  const at::Tensor which_ = at::tensor({4, 0, 6, 2, 0}, at::kLong);
  const at::Tensor outputs_ = at::tensor({1, 0, 0, 2, 0}, at::kLong);
};

TEST_P(Subnetwork, LossHasTheGradientOfDifferencesByTheMask) {
  const Model precise = testing::in_double(model_);
  const Site site{scope() == SubnetworkScope::kComponent ? 1 : 2};
  const int64_t n_parameters = sizes(masked_in(model_, site)).sum().item<int64_t>();
  const at::Tensor start = at::randn({n_parameters}, Seed(1).generator());
  const Linear linear{at::randn({8, 3}, Seed(2).generator()), at::randn({3}, Seed(3).generator())};
  for (const MaskKind kind : {MaskKind::kContinuousSparsification, MaskKind::kHardConcrete}) {
    const std::unique_ptr<MaskMethod> method = make_mask_method(kind, mask_option(kind).otherwise);
    const auto loss = [&](const at::Tensor& flat) {
      const bool is_precise = flat.scalar_type() == at::kDouble;
      const MaskedComponents masked = masked_in(is_precise ? precise : model_, site);
      const MaskedView view = view_of(masked);
      MaskedClassifier classifier{mask_of(masked, flat),
                                  {linear.weight.to(flat.dtype()), linear.bias.to(flat.dtype())}};
      const std::vector<at::Tensor> m = method->multipliers(classifier.mask, 1.5, Seed(4).generator());
      return subnetwork_loss(view, classifier, *method, m, outputs_, which_, 2.0);
    };
    EXPECT_TRUE(agree(testing::autograd_jacobian(loss, start), testing::numeric_jacobian(loss, start), kGradient))
        << to_string(kind);
  }
}

TEST_P(Subnetwork, IsTheSameTwiceAndAnotherWithAnotherSeed) {
  const MaskedComponents masked = masked_in(model_);
  const MaskedView view = view_of(masked);
  const at::Tensor outputs = at::arange(nodes_.size(0)) % 3;
  const auto train = [&](uint64_t seed) {
    return train_subnetwork(masked, view, outputs, 3, {.epochs = 4, .batch_size = 3}, Seed(seed));
  };
  const MaskedClassifier first = train(0), again = train(0), other = train(1);
  ASSERT_EQ(first.mask.parameters.size(), masked.matrices().size());
  for (size_t i = 0; i < first.mask.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(first.mask.parameters[i], again.mask.parameters[i])) << i;
    EXPECT_FALSE(at::equal(first.mask.parameters[i], other.mask.parameters[i])) << i;
    EXPECT_FALSE(first.mask.parameters[i].requires_grad());
  }
  EXPECT_TRUE(at::equal(first.linear.weight, again.linear.weight));
}

TEST_P(Subnetwork, TrainsTheClassifierAloneOnAMaskThatDoesNotTrain) {
  const MaskedComponents masked = masked_in(model_);
  const MaskedView view = view_of(masked);
  const MaskedClassifier trained =
      train_subnetwork(masked, view, at::arange(nodes_.size(0)) % 3, 3,
                       {.method = MaskKind::kMagnitudePruning, .mask_option = 0.5, .epochs = 3}, Seed(0));
  at::Generator fresh = Seed(0).derive("classifier").generator();
  EXPECT_FALSE(at::equal(trained.linear.weight, fresh_linear(model_.config.d_model, 3, fresh).weight));
  const Mask pruned = magnitude_pruning(0.5)->initial(masked.matrices(), masked.unit(), masked.weights());
  for (size_t i = 0; i < pruned.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(trained.mask.parameters[i], pruned.parameters[i])) << i;
  }
}

TEST_P(Subnetwork, NeedsAComponentBeforeTheSite) {
  EXPECT_INPUT_ERROR(masked_in(model_, Site::start()), "no component before the embeddings");
}

INSTANTIATE_TEST_SUITE_P(Of, Subnetwork,
                         ::testing::Combine(::testing::Values(SubnetworkScope::kComponent, SubnetworkScope::kModel),
                                            ::testing::Values(MaskUnit::kNeuron, MaskUnit::kWeight)),
                         [](const auto& param) {
                           return fmt::format("{}_{}", to_string(std::get<0>(param.param)),
                                              to_string(std::get<1>(param.param)));
                         });

}  // namespace
}  // namespace cprobe
