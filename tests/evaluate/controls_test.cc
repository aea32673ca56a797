#include "cprobe/evaluate/controls.h"

#include "cprobe/core/seed.h"
#include "tests/support.h"

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
  const std::vector<int64_t> draws = over_random_units(members, 20, Seed(1).generator(), check);
  EXPECT_TRUE(seen.all().item<bool>()) << "not drawn from all units: " << seen;
  ASSERT_EQ(draws.size(), 20u);
  for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(draws[static_cast<size_t>(i)], i);
}

TEST(RandomUnits, MayBeSingleWeights) {
  const std::vector<at::Tensor> members = {at::rand({8, 12}, Seed(1).generator()) < 0.3, at::zeros({12, 8}, at::kBool)};
  at::Generator generator = Seed(1).generator();
  const std::vector<at::Tensor> units = draw_random_units(members, generator);
  EXPECT_EQ(units[0].sum().item<int64_t>(), members[0].sum().item<int64_t>());
  EXPECT_EQ(units[0].sizes(), members[0].sizes());
  EXPECT_FALSE((units[0] & members[0]).any().item<bool>());
  EXPECT_TRUE(at::equal(units[1], members[1]));
  EXPECT_THAT(drawn_from_all(members), ElementsAre(false, false));
}

}  // namespace
}  // namespace cprobe
