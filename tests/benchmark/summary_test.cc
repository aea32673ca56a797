#include "cprobe/benchmark/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "cprobe/core/error.h"
#include "tests/benchmark/made_rows.h"

namespace cprobe {
namespace {

using testing::made_rows;
using testing::MadeModel;

/// A figure of hard concrete masks over all models.
SummaryFigure figure(const std::vector<MadeModel>& models, std::string_view name) {
  for (const SummaryFigure& one : summary_of(made_rows(models))) {
    if (one.method == "hard_concrete" && one.knob == "all" && one.figure == name) return one;
  }
  throw failure("no {}", name);
}

/// Models that differ in p of what is absent.
std::vector<MadeModel> with_p(const std::vector<double>& p) {
  std::vector<MadeModel> models;
  for (size_t i = 0; i < p.size(); ++i) models.push_back({.name = fmt::format("m{:03}", i), .p_of_table = p[i]});
  return models;
}

TEST(Summary, SaysHowFarPIsFromUniform) {
  std::vector<double> uniform;
  for (int k = 1; k <= 20; ++k) uniform.push_back(k / 20.);
  EXPECT_NEAR(figure(with_p(uniform), "p_distance").value, 0, 1e-9);
  const SummaryFigure low = figure(with_p({.05, .05, .05, .5}), "p_distance");
  EXPECT_NEAR(low.value, .75 - .05, 1e-9);
  EXPECT_NEAR(low.interval.lower, .7 - band_of_distribution(4), 1e-9);
  EXPECT_EQ(low.interval.upper, 1);
  EXPECT_NEAR(figure(with_p({1, 1}), "p_distance").value, .95, 1e-9);
}

TEST(Summary, CountsRejectionsAtBothLevels) {
  const std::vector<MadeModel> models = with_p({.01, .05, .1, .5});
  EXPECT_EQ(figure(models, "p_at_most_.05").value, .5);
  EXPECT_EQ(figure(models, "p_at_most_.01").value, .25);
  EXPECT_EQ(figure(models, "present_on_nothing_by_model").value, .5);
}

TEST(Summary, CountsModels) {
  const SummaryFigure present = figure(with_p({1, 1, 1}), "present_on_nothing");
  EXPECT_EQ(present.n, 3);
  EXPECT_EQ(present.n_models, 3);
}

TEST(Summary, LeavesOutWhatAMethodDoesNotSay) {
  for (const SummaryFigure& one : summary_of(made_rows({{}}))) {
    if (one.method == "oracle" && one.figure != "auroc") ADD_FAILURE() << one.figure;
  }
}

// The band, by its definition: .95 of the empirical distributions of uniform numbers are inside.
TEST(BandOfDistribution, HoldsMostDistributions) {
  constexpr int kSamples = 2'000, kDraws = 40;
  std::mt19937_64 engine(1);
  std::uniform_real_distribution<double> uniform;
  int n_outside = 0;
  for (int s = 0; s < kSamples; ++s) {
    std::vector<double> draws(kDraws);
    for (double& draw : draws) draw = uniform(engine);
    std::ranges::sort(draws);
    double distance = 0;
    for (int i = 0; i < kDraws; ++i) {
      distance = std::max({distance, (i + 1.) / kDraws - draws[i], draws[i] - i / static_cast<double>(kDraws)});
    }
    n_outside += distance > band_of_distribution(kDraws);
  }
  EXPECT_LT(n_outside, .055 * kSamples);
  EXPECT_GT(n_outside, .02 * kSamples);
}

}  // namespace
}  // namespace cprobe
