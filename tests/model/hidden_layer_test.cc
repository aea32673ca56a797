#include "cprobe/model/hidden_layer.h"

#include <torch/csrc/autograd/autograd.h>

#include <limits>

#include "cprobe/core/seed.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr int64_t kWidth = 13;  // not a multiple of a vector's length
constexpr std::array kActivations = {Activation::kRelu, Activation::kGeluTanh, Activation::kGelu, Activation::kSilu};

/// Values of all sizes, from those that activations leave alone to those that they remove.
at::Tensor joined_outputs(int64_t n_columns) {
  return at::randn({41, n_columns}, Seed(1).generator()) * at::logspace(-3, 2, 41).to(at::kFloat).unsqueeze(1);
}

TEST(HiddenLayer, AndItsGradientAreThoseOfStockOperations) {
  for (const Activation activation : kActivations) {
    for (const int64_t n_columns : {kWidth, 2 * kWidth}) {  // without and with a gate
      SCOPED_TRACE(fmt::format("activation {}, {} columns", static_cast<int>(activation), n_columns));
      const HiddenLayer layer{activation, kWidth};
      const at::Tensor x = joined_outputs(n_columns), weights = at::randn({41, kWidth}, Seed(2).generator());
      const auto value_and_gradient = [&](const auto& f, at::ScalarType dtype) {
        const at::Tensor leaf = x.to(dtype).requires_grad_();
        const at::Tensor hidden = f(layer, leaf);
        return std::pair(hidden.detach(), torch::autograd::grad({(hidden * weights.to(dtype)).sum()}, {leaf})[0]);
      };
      const auto [hidden, gradient] = value_and_gradient(hidden_layer, at::kFloat);
      const auto [expected, expected_gradient] = value_and_gradient(reference_hidden_layer, at::kDouble);
      for (int64_t i = 0; i < x.size(0); ++i) {  // row by row, as rows have different sizes
        EXPECT_TRUE(agree(hidden[i], expected[i], 1e-6)) << "row " << i;
        EXPECT_TRUE(agree(gradient[i], expected_gradient[i], 2e-6)) << "row " << i;
      }
    }
  }
}

TEST(HiddenLayer, TakesColumnsOfAWiderMatrix) {
  const at::Tensor wide = joined_outputs(3 * kWidth);
  const HiddenLayer layer{Activation::kSilu, kWidth};
  EXPECT_TRUE(at::equal(hidden_layer(layer, wide.narrow(1, 1, 2 * kWidth)),
                        hidden_layer(layer, wide.narrow(1, 1, 2 * kWidth).contiguous())));
}

TEST(HiddenLayer, RemovesWhatIsFarBelowZero) {
  for (const Activation activation : kActivations) {
    const at::Tensor x = at::tensor({-100.0f, -1e6f, -3e38f}).unsqueeze(0).requires_grad_();
    const at::Tensor hidden = hidden_layer({activation, 3}, x);
    EXPECT_TRUE(hidden.detach().eq(0).all().item<bool>()) << static_cast<int>(activation) << " " << hidden;
    const at::Tensor gradient = torch::autograd::grad({hidden.narrow(1, 0, 2).sum()}, {x})[0].narrow(1, 0, 2);
    EXPECT_TRUE(gradient.eq(0).all().item<bool>()) << static_cast<int>(activation) << " " << gradient;
  }
}

TEST(HiddenLayer, RefusesOtherWidths) {
  const HiddenLayer layer{Activation::kSilu, kWidth};
  EXPECT_FAILED_ERROR(hidden_layer(layer, at::zeros({2, kWidth + 1})), "[2, 14] does not fit d_mlp 13");
  EXPECT_FAILED_ERROR(hidden_layer(layer, at::zeros({2, kWidth - 1})), "[2, 12]");
}

TEST(HiddenLayer, KeepsWhatIsNotANumber) {
  for (const Activation activation : kActivations) {
    const at::Tensor x = at::full({1, kWidth}, std::numeric_limits<float>::quiet_NaN());
    EXPECT_TRUE(hidden_layer({activation, kWidth}, x).isnan().all().item<bool>()) << static_cast<int>(activation);
  }
}

}  // namespace
}  // namespace cprobe
