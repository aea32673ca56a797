#include "cprobe/evaluate/controls.h"

#include "cprobe/core/seed.h"
#include "tests/circuit/made_circuit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

TEST(BesideControls, StandsAFigureWithItsPAndTheirs) {
  std::vector<Metric> metrics;
  add_beside_controls(metrics, {.metric = "a", .value = .5, .n = 7, .note = "mine"}, {.25, .75}, Stronger::kHigher,
                      "random", "theirs");
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0].value, .5);
  EXPECT_EQ(metrics[0].note, "mine");
  EXPECT_EQ(metrics[0].p.value(), 2.0 / 3);
  EXPECT_EQ(metrics[1].metric, "a");
  EXPECT_EQ(metrics[1].value, .5);
  EXPECT_EQ(metrics[1].control, "random");
  EXPECT_EQ(metrics[1].note, "theirs");
  EXPECT_THAT(metrics[1].draws, ElementsAre(.25, .75));
}

TEST(BesideControls, StandsAFigureAloneWhereThereAreNone) {
  std::vector<Metric> metrics;
  add_beside_controls(metrics, {.metric = "a"}, {}, Stronger::kLower, "random");
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_FALSE(metrics[0].p.has_value());
}

TEST(RandomUnits, AreAsManyPerMatrixFromTheComplementWhereTheyFit) {
  const std::vector<at::Tensor> members = {at::arange(12) < 5, at::arange(8) < 6, at::arange(8) < 4};
  EXPECT_THAT(drawn_from_all(members), ElementsAre(false, true, false)) << "6 of 8 do not fit into the other 2";
  at::Tensor seen = at::zeros({8}, at::kBool);
  const auto check = [&](const std::vector<at::Tensor>& units, int64_t draw) {
    EXPECT_EQ(units[0].sum().item<int64_t>(), 5);
    EXPECT_EQ(units[1].sum().item<int64_t>(), 6);
    EXPECT_FALSE((units[0] & members[0]).any().item<bool>()) << "drawn from the members themselves";
    EXPECT_TRUE(at::equal(units[2], members[2].logical_not())) << "no other choice";
    seen = seen | units[1];
    return draw;
  };
  const std::vector<int64_t> draws =
      over_random_units(members, RandomSets::kComplement, 20, Seed(1).generator(), check);
  EXPECT_TRUE(seen.all().item<bool>()) << "not drawn from all units: " << seen;
  ASSERT_EQ(draws.size(), 20u);
  for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(draws[static_cast<size_t>(i)], i);
}

TEST(RandomUnits, MayBeSingleWeights) {
  const std::vector<at::Tensor> members = {at::rand({8, 12}, Seed(1).generator()) < 0.3, at::zeros({12, 8}, at::kBool)};
  at::Generator generator = Seed(1).generator();
  const std::vector<at::Tensor> units = draw_random_units(members, RandomSets::kComplement, generator);
  EXPECT_EQ(units[0].sum().item<int64_t>(), members[0].sum().item<int64_t>());
  EXPECT_EQ(units[0].sizes(), members[0].sizes());
  EXPECT_FALSE((units[0] & members[0]).any().item<bool>());
  EXPECT_TRUE(at::equal(units[1], members[1]));
  EXPECT_THAT(drawn_from_all(members), ElementsAre(false, false));
}

/// Pearson's statistic of counts that should all be equal. Approximately chi-square with n - 1
/// degrees of freedom.
double chi_square(const std::vector<int64_t>& counts) {
  double total = 0, sum = 0;
  for (const int64_t count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  for (const int64_t count : counts) sum += std::pow(static_cast<double>(count) - expected, 2) / expected;
  return sum;
}

TEST(UniformUnits, HaveEverySetOfTheCircuitsSizeEquallyOften) {
  // 2 of 5 units in one matrix and 2 of 3 in the other: 10 times 3 pairs of sets.
  const std::vector<at::Tensor> members = {at::arange(5) < 2, at::arange(3) < 2};
  std::map<std::string, int64_t> counts;
  at::Generator generator = Seed(1).generator();
  for (int64_t draw = 0; draw < 3000; ++draw) {
    std::string set;
    for (const at::Tensor& units : draw_random_units(members, RandomSets::kUniform, generator)) {
      for (int64_t i = 0; i < units.numel(); ++i) set += units[i].item<bool>() ? '1' : '0';
    }
    ++counts[set];
  }
  ASSERT_EQ(counts.size(), 30u);
  std::vector<int64_t> of_sets;
  of_sets.reserve(counts.size());
  for (const auto& [set, count] : counts) of_sets.push_back(count);
  EXPECT_LT(chi_square(of_sets), 58.3) << "the 99.9 % point for 29 degrees of freedom";
}

TEST(UniformUnits, HaveEveryUnitEquallyOftenInTheCircuitOrNot) {
  constexpr int64_t kUnits = 40, kMembers = 26, kDraws = 4000;
  const std::vector<at::Tensor> members = {at::arange(kUnits) < kMembers};
  at::Tensor counts = at::zeros({kUnits}, at::kLong);
  at::Generator generator = Seed(2).generator();
  for (int64_t draw = 0; draw < kDraws; ++draw)
    counts += draw_random_units(members, RandomSets::kUniform, generator)[0].to(at::kLong);
  EXPECT_EQ(counts.sum().item<int64_t>(), kMembers * kDraws);
  // Inclusions of a set of fixed size have variance p (1 - p) and correlation -1 / (n - 1).
  const double p = static_cast<double>(kMembers) / kUnits;
  const double squares = (counts.to(at::kDouble) - kDraws * p).square().sum().item<double>();
  EXPECT_LT(squares / (kDraws * p * (1 - p)) * (kUnits - 1) / kUnits, 72.1)
      << "the 99.9 % point of chi-square with 39 degrees of freedom";
}

TEST(UniformUnits, HaveTheCircuitsShapesAndSizes) {
  at::Generator generator = Seed(3).generator();
  const std::vector<at::Tensor> members = {at::rand({8, 12}, generator) < 0.3, at::zeros({12}, at::kBool),
                                           at::ones({4}, at::kBool)};
  const std::vector<at::Tensor> units = draw_random_units(members, RandomSets::kUniform, generator);
  for (size_t i = 0; i < members.size(); ++i) {
    EXPECT_EQ(units[i].sizes(), members[i].sizes());
    EXPECT_EQ(units[i].sum().item<int64_t>(), members[i].sum().item<int64_t>());
  }
  EXPECT_FALSE(at::equal(units[0], members[0]));
}

TEST(SeedOfRandomSets, GivesCircuitsOfAComponentSetsThatOverlapAsTheyDo) {
  // Two circuits of one component and size, as those of two learning rates or seeds of one run.
  const ModelConfig config = testing::tiny_config();
  const Circuit one = testing::random_circuit(config, {{0, Block::kMlp}}, .4);
  Circuit other = one, elsewhere = testing::random_circuit(config, {{1, Block::kMlp}}, .4);
  for (at::Tensor& members : other.members) members = members.flip(0);
  elsewhere.members = one.members;
  const auto sets = [](const Circuit& circuit, uint64_t seed) {
    at::Generator generator = seed_of_random_sets(circuit, seed).generator();
    return draw_random_units(circuit.members, RandomSets::kUniform, generator);
  };
  const auto overlap = [](const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    int64_t n = 0;
    for (size_t i = 0; i < a.size(); ++i) n += a[i].logical_and(b[i]).sum().item<int64_t>();
    return n;
  };
  const int64_t n_units = overlap(one.members, one.members);
  EXPECT_EQ(overlap(sets(one, 0), sets(one, 0)), n_units) << "the same each time";
  EXPECT_EQ(overlap(sets(one, 0), sets(other, 0)), overlap(one.members, other.members));
  EXPECT_LT(overlap(sets(one, 0), sets(elsewhere, 0)), n_units) << "another component";
  EXPECT_LT(overlap(sets(one, 0), sets(one, 1)), n_units) << "another seed";
}

TEST(InputHalves, AreHalfOfEachInputMatrixAndAllOfTheLast) {
  std::vector<MatrixInfo> matrices = {{.n_in = 3, .n_out = 9}, {.n_in = 3, .n_out = 8}, {.n_in = 8, .n_out = 3}};
  at::Generator generator = Seed(4).generator();
  at::Tensor seen = at::zeros({9}, at::kBool);
  for (int64_t draw = 0; draw < 20; ++draw) {
    const std::vector<at::Tensor> half = draw_input_halves(matrices, MaskUnit::kNeuron, generator);
    ASSERT_EQ(half.size(), 3u);
    EXPECT_EQ(half[0].sum().item<int64_t>(), 4) << "half of 9, rounded down";
    EXPECT_EQ(half[1].sum().item<int64_t>(), 4);
    EXPECT_TRUE(half[2].all().item<bool>());
    seen = seen | half[0];
  }
  EXPECT_TRUE(seen.all().item<bool>()) << seen;
  const std::vector<at::Tensor> weights = draw_input_halves(matrices, MaskUnit::kWeight, generator);
  EXPECT_EQ(weights[0].sizes(), (std::vector<int64_t>{3, 9}));
  EXPECT_EQ(weights[0].sum().item<int64_t>(), 13);
}

}  // namespace
}  // namespace cprobe
