#include "cprobe/plant/exchanged_rows.h"

#include <ATen/ATen.h>

#include "cprobe/evaluate/exchange_bench.h"
#include "cprobe/model/architecture.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

constexpr int64_t kRows = 24;
constexpr std::array kComponents = {ComponentRef{0, Block::kAttention}, ComponentRef{0, Block::kMlp},
                                    ComponentRef{1, Block::kAttention}, ComponentRef{1, Block::kMlp}};

/// Rows of four tokens, the first two of few kinds, so that rows share beginnings.
std::vector<std::vector<int64_t>> drawn_rows_of_four(int64_t vocab, Seed seed) {
  at::Generator draws = seed.generator();
  std::vector<std::vector<int64_t>> rows;
  for (int64_t r = 0; r < kRows; ++r) {
    std::vector<int64_t>& row = rows.emplace_back();
    for (const int64_t n : {int64_t{2}, int64_t{3}, vocab, vocab}) {
      row.push_back(at::randint(n, {1}, draws, at::kLong).item<int64_t>());
    }
  }
  return rows;
}

/// A model with rows and donors, in one trie and as a bench takes them.
struct Fixture {
  Model model;
  ExchangeRows rows;
  TokenTrie trie;
  at::Tensor bases = at::arange(kRows, at::kLong), donors = at::arange(kRows, at::kLong) + kRows;

  explicit Fixture(bool with_gradients = false) : model(random_model(config(), Seed(1))) {
    rows = {.base = drawn_rows_of_four(model.config.vocab, Seed(2)),
            .donor = drawn_rows_of_four(model.config.vocab, Seed(3)),
            .answers = at::randint(model.config.vocab, {kRows}, Seed(4).generator(), at::kLong)};
    std::vector<std::vector<int64_t>> all = rows.base;
    all.insert(all.end(), rows.donor.begin(), rows.donor.end());
    trie = build_trie(all);
    for (auto& [name, weight] : model.weights) weight.requires_grad_(with_gradients);
  }

  static ModelConfig config() {
    ModelConfig config = testing::tiny_config();
    config.activation = Activation::kRelu;
    return config;
  }

  std::vector<at::Tensor> units(const ComponentRef& component) const {
    at::Generator draws = Seed(5).generator();
    std::vector<at::Tensor> units;
    for (const MatrixInfo& matrix : matrices_of(model.config, component)) {
      units.push_back(at::rand({matrix.n_out}, draws) < 0.5);
    }
    return units;
  }

  at::Tensor log_probability(const at::Tensor& logits) const {
    return logits.to(at::kDouble).log_softmax(1).gather(1, rows.answers.unsqueeze(1)).squeeze(1);
  }
};

TEST(ExchangedRows, AnswersAsExchangeBenchDoes) {
  const Fixture f;
  for (const ComponentRef& component : kComponents) {
    SCOPED_TRACE(to_string(component));
    const std::vector<at::Tensor> units = f.units(component);
    const ExchangeBench bench(f.model, component, MaskUnit::kNeuron, f.rows, true);
    const ExchangedRows exchanged(f.model, component, f.trie, f.bases, f.donors);
    const auto difference = [&](const at::Tensor& update, const Outcomes& expected) {
      return (f.log_probability(exchanged.logits_after(update)) - expected.log_probability).abs().max().item<double>();
    };
    const ExchangedComponent& between = exchanged.component();
    EXPECT_LT(difference(between.update(ExchangeSide::kBase), bench.untouched()), 1e-5);
    EXPECT_LT(difference(between.along_paths(units, ExchangeSide::kBase), bench.through(units)), 1e-5);
    EXPECT_LT(difference(between.along_paths(units, ExchangeSide::kDonor), bench.around(units)), 1e-5);
    EXPECT_GT(difference(between.along_paths(units, ExchangeSide::kBase), bench.untouched()), 1e-3);
  }
}

TEST(ExchangedRows, ExchangesTheLastTokenOfSomeRowsOnly) {
  Fixture f;
  const ComponentRef component{0, Block::kMlp};
  const std::vector<at::Tensor> units = f.units(component);
  const at::Tensor which = at::arange(kRows).lt(kRows / 2);
  const ExchangedRows exchanged(f.model, component, f.trie, f.bases, f.donors);
  const at::Tensor update = exchanged.component().along_paths(units, ExchangeSide::kBase);
  const at::Tensor own = exchanged.component().update(ExchangeSide::kBase);
  const at::Tensor partly = exchanged.at_last_tokens(update, which).view({kRows, 4, -1});
  const int64_t half = kRows / 2;
  EXPECT_TRUE(at::equal(partly.narrow(0, half, half), update.view({kRows, 4, -1}).narrow(0, half, half)));
  EXPECT_TRUE(at::equal(partly.narrow(0, 0, half).narrow(1, 0, 3),
                        own.view({kRows, 4, -1}).narrow(0, 0, half).narrow(1, 0, 3)));
  EXPECT_TRUE(
      at::equal(partly.narrow(0, 0, half).select(1, 3), update.view({kRows, 4, -1}).narrow(0, 0, half).select(1, 3)));
  EXPECT_FALSE(at::equal(partly, update.view({kRows, 4, -1})));
}

/// The slope of a loss along a random direction of all weights is that of its gradient.
TEST(ExchangedRows, IsDifferentiableInAllWeights) {
  for (const ComponentRef& component : kComponents) {
    SCOPED_TRACE(to_string(component));
    Fixture f(true);
    const std::vector<at::Tensor> units = f.units(component);
    const auto loss = [&] {
      const ExchangedRows exchanged(f.model, component, f.trie, f.bases, f.donors);
      const at::Tensor update = exchanged.component().along_paths(units, ExchangeSide::kBase);
      const at::Tensor which = at::arange(kRows).lt(kRows / 2);
      return f.log_probability(exchanged.logits_after(exchanged.at_last_tokens(update, which))).mean();
    };
    loss().backward();
    at::Generator draws = Seed(6).generator();
    std::map<std::string, at::Tensor> direction;
    double expected = 0;
    for (const auto& [name, weight] : f.model.weights) {
      ASSERT_TRUE(weight.grad().defined()) << name;
      direction[name] = at::randn(weight.sizes(), draws);
      expected += (weight.grad().to(at::kDouble) * direction[name]).sum().item<double>();
    }
    const at::NoGradGuard no_gradients;
    const double step = 1e-4;
    const auto shifted = [&](double by) {
      for (auto& [name, weight] : f.model.weights) weight.add_(direction[name], by);
      return loss().item<double>();
    };
    const double above = shifted(step), below = shifted(-2 * step);
    EXPECT_NEAR((above - below) / (2 * step), expected, 0.02 * std::abs(expected) + 0.02);
    EXPECT_GT(std::abs(expected), 0.2);
  }
}

TEST(ExchangedRows, RefusesDonorsOfOtherLengths) {
  const Fixture f;
  const TokenTrie trie = build_trie(std::vector<std::vector<int64_t>>{{1, 2}, {1, 2, 3}});
  EXPECT_FAILED_ERROR(ExchangedRows(f.model, kComponents[0], trie, at::tensor({int64_t{0}}), at::tensor({int64_t{1}})),
                      "other lengths");
}

}  // namespace
}  // namespace cprobe
