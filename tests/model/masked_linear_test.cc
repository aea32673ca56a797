#include "cprobe/model/masked_linear.h"

#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kMaskedTolerance = 2e-6;  // sums of 5 float32 products, in another order

class MaskedLinear : public ::testing::Test {
 protected:
  /// The definition, entry by entry in float64:
  /// y_j = sum_i (x_i m_ij + fill_i (1 - m_ij)) W_ij + b_j.
  at::Tensor defined(const at::Tensor& multiplier, const at::Tensor& fill) const {
    const at::Tensor m = multiplier.to(at::kDouble).expand({5, 3}), w = map_.weight.to(at::kDouble);
    const at::Tensor y = at::zeros({4, 3}, at::kDouble);
    for (int64_t r = 0; r < 4; ++r) {
      for (int64_t j = 0; j < 3; ++j) {
        for (int64_t i = 0; i < 5; ++i) {
          y[r][j] += (x_[r][i] * m[i][j] + fill[r][i] * (1 - m[i][j])).to(at::kDouble) * w[i][j];
        }
        y[r][j] += map_.bias[j];
      }
    }
    return y;
  }

  void SetUp() override {
    at::Generator generator = Seed(1).generator();
    map_ = {at::randn({5, 3}, generator), at::randn({3}, generator)};
    x_ = at::randn({4, 5}, generator);
    neuron_ = at::tensor({1.0f, 0.0f, 0.3f});
    weight_ = at::rand({5, 3}, generator);
    fill_ = at::randn({4, 5}, generator);
  }

  Linear map_;
  at::Tensor x_, neuron_, weight_, fill_;
};

TEST_F(MaskedLinear, WithoutAMaskIsTheLinearMap) {
  const at::Tensor expected = defined(at::ones({3}), at::zeros({4, 5}));
  const LinearMask nothing;
  EXPECT_TRUE(agree(masked_linear(map_, x_), expected, kMaskedTolerance));
  EXPECT_TRUE(at::equal(masked_linear(map_, x_, nothing), masked_linear(map_, x_)));
  const LinearMask only_fill{.fill = fill_};
  EXPECT_TRUE(at::equal(masked_linear(map_, x_, only_fill), masked_linear(map_, x_)));
}

TEST_F(MaskedLinear, ScalesOutputsOrWeightsAndNeverTheBias) {
  for (const at::Tensor& multiplier : {neuron_, weight_}) {
    const LinearMask mask{.multiplier = multiplier};
    EXPECT_TRUE(agree(masked_linear(map_, x_, mask), defined(multiplier, at::zeros({4, 5})), kMaskedTolerance));
  }
  const LinearMask all_off{.multiplier = at::zeros({3})};
  EXPECT_TRUE(at::equal(masked_linear(map_, x_, all_off), map_.bias.expand({4, 3})));
}

TEST_F(MaskedLinear, GivesRemovedUnitsTheFillOfTheirRow) {
  const at::Tensor mean = x_.mean(0, true).expand({4, 5});
  for (const at::Tensor& multiplier : {neuron_, weight_}) {
    for (const at::Tensor& fill : {fill_, mean}) {
      const LinearMask mask{multiplier, fill};
      EXPECT_TRUE(agree(masked_linear(map_, x_, mask), defined(multiplier, fill), kMaskedTolerance));
    }
    const LinearMask itself{multiplier, x_};
    EXPECT_TRUE(agree(masked_linear(map_, x_, itself), masked_linear(map_, x_), kMaskedTolerance));
  }
}

TEST_F(MaskedLinear, WorksWithoutABias) {
  const Linear unbiased{map_.weight, {}};
  for (const at::Tensor& multiplier : {at::Tensor(), neuron_, weight_}) {
    const LinearMask mask{.multiplier = multiplier};
    EXPECT_TRUE(agree(masked_linear(unbiased, x_, mask), masked_linear(map_, x_, mask) - map_.bias, kMaskedTolerance));
  }
}

}  // namespace
}  // namespace cprobe
