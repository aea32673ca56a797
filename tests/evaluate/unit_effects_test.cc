#include "cprobe/evaluate/unit_effects.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tiny_model.h"

namespace cprobe {
namespace {

/// Rows whose donors differ in one token.
ExchangeRows some_rows() {
  return {.base = {{1, 2, 3}, {4, 2, 3}, {1, 5, 6}},
          .donor = {{1, 7, 3}, {4, 7, 3}, {1, 8, 6}},
          .answers = at::tensor({3, 4, 5}, at::kLong)};
}

/// A model in which the donors' tokens are almost those of the rows.
Model with_close_tokens(const ModelConfig& config) {
  Model model = random_model(config, Seed(3));
  at::Tensor& tokens = model.weights.at("embed.token");
  const at::Tensor drawn = at::randn({2, config.d_model}, Seed(4).generator());
  tokens[7] = tokens[2] + 1e-2 * drawn[0];
  tokens[8] = tokens[5] + 1e-2 * drawn[1];
  return model;
}

TEST(UnitEffects, GradientsTellSmallExchangesInEveryKindOfModel) {
  for (const testing::NamedConfig& kind : testing::all_kinds()) {
    SCOPED_TRACE(kind.name);
    const Model model = with_close_tokens(kind.config);
    for (const Block block : {Block::kAttention, Block::kMlp}) {
      const ComponentRef component{0, block};
      const UnitEffects exact = exchanged_unit_effects(model, component, some_rows());
      const UnitEffects estimate = gradient_unit_effects(model, component, some_rows(), 3);
      ASSERT_EQ(exact.size(), estimate.size());
      for (size_t m = 0; m < exact.size(); ++m) {
        const double size = exact[m].abs().max().item<double>();
        ASSERT_GT(size, 0) << to_string(component) << " matrix " << m;
        EXPECT_LT((exact[m] - estimate[m]).abs().max().item<double>(), .15 * size + 2e-7)
            << to_string(component) << " matrix " << m;
      }
    }
  }
}

TEST(UnitEffects, OfADonorThatIsTheRowAreNone) {
  const Model model = random_model(testing::tiny_config(), Seed(3));
  ExchangeRows rows = some_rows();
  rows.donor = rows.base;
  for (const UnitEffects& effects :
       {exchanged_unit_effects(model, {1, Block::kMlp}, rows), gradient_unit_effects(model, {1, Block::kMlp}, rows)}) {
    for (const at::Tensor& effect : effects) EXPECT_LT(effect.abs().max().item<double>(), 1e-6);
  }
}

}  // namespace
}  // namespace cprobe
