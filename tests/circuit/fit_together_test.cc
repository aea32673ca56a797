#include <array>

#include "cprobe/circuit/fit.h"
#include "cprobe/core/threads.h"
#include "tests/planted_variable.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::PlantedVariable;

/// Masks for the planted class, for the nuisance, and for labels that nothing computes.
class MasksTogether : public PlantedVariable {
 protected:
  static constexpr uint64_t kMasks = 5;

  std::vector<at::Tensor> labels(uint64_t n_masks = kMasks) const {
    std::vector<at::Tensor> labels = {planted_.classes, planted_.nuisances};
    for (uint64_t i = 2; i < n_masks; ++i) {
      labels.push_back(planted_.classes.index_select(0, at::randperm(n(), Seed(i).generator(), at::kLong)));
    }
    labels.resize(n_masks);
    return labels;
  }
  static at::Generator noise(uint64_t mask) { return Seed(mask).derive("noise").generator(); }
  static NextOrder orders() {
    return [generator = Seed(9).generator()](int64_t n) { return at::randperm(n, generator, at::kLong); };
  }

  std::vector<FitResult> together(const MaskMethod& method, const FitOptions& options,
                                  uint64_t n_masks = kMasks) const {
    std::vector<at::Generator> all_noise;
    for (uint64_t i = 0; i < n_masks; ++i) all_noise.push_back(noise(i));
    return fit_together(*inputs_, labels(n_masks), method, options, orders(), all_noise);
  }

  /// Compares masks that are trained together with masks that are trained one by one.
  void expect_equal_to_single(const MaskMethod& method, uint64_t n_masks = kMasks) const {
    const FitOptions options{.epochs = 6, .batch_size = 16, .learning_rate = 0.02, .l0_weights = {1e-4}};
    const std::vector<FitResult> found = together(method, options, n_masks);
    ASSERT_EQ(found.size(), n_masks);
    for (uint64_t i = 0; i < n_masks; ++i) {
      const FitResult one = fit(*inputs_, labels(n_masks)[i], method, options, orders(), noise(i));
      ASSERT_EQ(found[i].curve.size(), one.curve.size());
      for (size_t e = 0; e < one.curve.size(); ++e) {
        EXPECT_NEAR(found[i].curve[e].loss, one.curve[e].loss, 1e-5) << "mask " << i << ", epoch " << e;
        EXPECT_NEAR(found[i].curve[e].l0_term, one.curve[e].l0_term, 1e-5) << "mask " << i << ", epoch " << e;
        EXPECT_EQ(found[i].curve[e].n_kept, one.curve[e].n_kept) << "mask " << i << ", epoch " << e;
        EXPECT_EQ(found[i].curve[e].temperature, one.curve[e].temperature);
      }
      for (size_t m = 0; m < one.mask().parameters.size(); ++m) {
        EXPECT_TRUE(agree(found[i].mask().parameters[m], one.mask().parameters[m], 1e-4)) << "mask " << i;
        EXPECT_FALSE(found[i].mask().parameters[m].requires_grad());
      }
    }
  }
};

TEST_F(MasksTogether, EqualMasksThatAreTrainedOneByOne) {
  for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
    use(planted_.model, unit);
    SCOPED_TRACE(to_string(unit));
    expect_equal_to_single(*continuous_sparsification());
    expect_equal_to_single(*hard_concrete());
  }
}

TEST_F(MasksTogether, AreTheSameForEveryNumberOfThreads) {
  const ThreadsKept kept;
  for (const int n_threads : {1, 2, 3}) {  // one stack, a stack per thread, and more threads than masks
    set_threads(n_threads);
    SCOPED_TRACE(n_threads);
    expect_equal_to_single(*continuous_sparsification());
    expect_equal_to_single(*continuous_sparsification(), 2);
  }
}

TEST_F(MasksTogether, AreDividedWhereTheyAreTooManyForACache) {
  const ThreadsKept kept;
  set_threads(1);
  constexpr uint64_t kMany = 600;  // of 512 masks, the similarities of a batch of 32 take 2 MB
  const FitOptions options{.epochs = 2, .batch_size = 32, .learning_rate = 0.02};
  const std::vector<FitResult> found = together(*continuous_sparsification(), options, kMany);
  for (const uint64_t i : {0, 511, 512, 599}) {
    const FitResult one = fit(*inputs_, labels(kMany)[i], *continuous_sparsification(), options, orders(), noise(i));
    EXPECT_NEAR(found[i].curve[1].loss, one.curve[1].loss, 1e-5) << i;
    EXPECT_TRUE(agree(found[i].mask().parameters[0], one.mask().parameters[0], 1e-4)) << i;
  }
}

TEST_F(MasksTogether, FollowTheirOwnLabels) {
  const FitOptions options{.epochs = 60, .batch_size = 32, .learning_rate = 0.02, .l0_weights = {1e-4}};
  const std::vector<FitResult> found = together(*continuous_sparsification(), options, 2);
  const auto n_class_neurons = [](const FitResult& result) {
    return (result.mask().parameters[0].narrow(0, 0, 16) > 0).sum().item<int64_t>();
  };
  EXPECT_GE(n_class_neurons(found[0]), 8);
  EXPECT_LT(n_class_neurons(found[1]), 8);
}

TEST_F(MasksTogether, ThatTrainNothingAreInitialMasks) {
  const std::vector<FitResult> found = together(*magnitude_pruning(0.5), {.batch_size = 16}, 3);
  ASSERT_EQ(found.size(), 3u);
  for (const FitResult& one : found) {
    EXPECT_TRUE(one.curve.empty());
    EXPECT_EQ(one.mask().parameters[0].sum().item<int64_t>(), 16);
  }
}

TEST_F(MasksTogether, NeedAGeneratorEachIfTheMethodDraws) {
  EXPECT_FAILED_ERROR(fit_together(*inputs_, labels(), *hard_concrete(), {.epochs = 1, .batch_size = 16}, orders()),
                      "no generator");
  EXPECT_FAILED_ERROR(
      fit_together(*inputs_, labels(), *hard_concrete(), {.epochs = 1, .batch_size = 16}, orders(), {noise(0)}),
      "1 generators for 5 masks");
  EXPECT_FAILED_ERROR(
      fit_together(*inputs_, {}, *continuous_sparsification(), {.epochs = 1, .batch_size = 16}, orders()),
      "for 0 masks");
}

}  // namespace
}  // namespace cprobe
