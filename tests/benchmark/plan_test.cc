#include "cprobe/benchmark/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cprobe {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::SizeIs;

TEST(BenchmarkModels, HaveTheirComponentAmongThoseProbedAndCanBeCompiled) {
  for (const BenchmarkModel& model : benchmark_models(BenchmarkSize::kSmall, Seed(0))) {
    SCOPED_TRACE(model.name + " " + model.knob);
    if (model.trained) continue;  // Takes minutes.
    EXPECT_EQ(model.layers.front(), model.compiled.component->layer);
    const Planted planted = compile_model(model.compiled, Seed(model.seed));
    std::vector<std::string> names;
    for (const PlantedVariable& variable : planted.truth.variables) names.push_back(variable.name);
    for (const std::string& variable : model.variables) EXPECT_THAT(names, Contains(variable));
  }
}

TEST(BenchmarkModels, OfTheSmallSizeHaveEveryLevelOnceAndFifteenAtDefaultKnobs) {
  const std::vector<BenchmarkModel> models = benchmark_models(BenchmarkSize::kSmall, Seed(0));
  ASSERT_THAT(models, SizeIs(48));
  std::multiset<std::string> knobs;
  for (const BenchmarkModel& model : models) {
    if (!model.trained) knobs.insert(model.knob);
  }
  const std::set<std::string> distinct(knobs.begin(), knobs.end());
  EXPECT_EQ(distinct.size(), 26);
  EXPECT_EQ(knobs.count("default"), 40 - (distinct.size() - 1));
  EXPECT_EQ(std::ranges::count(models, true, &BenchmarkModel::has_all_methods), 8);
}

TEST(BenchmarkModels, AreThoseOfTheirSeed) {
  const auto seeds = [](uint64_t seed) {
    std::vector<uint64_t> all;
    for (const BenchmarkModel& model : benchmark_models(BenchmarkSize::kTiny, Seed(seed))) all.push_back(model.seed);
    return all;
  };
  EXPECT_EQ(seeds(1), seeds(1));
  EXPECT_NE(seeds(1), seeds(2));
}

}  // namespace
}  // namespace cprobe
