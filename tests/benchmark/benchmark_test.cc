#include "cprobe/benchmark/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

/// Two models with one hypothesis each and few rows.
std::vector<BenchmarkModel> two_models() {
  std::vector<BenchmarkModel> models = benchmark_models(BenchmarkSize::kTiny, Seed(0));
  std::erase_if(models, [](const BenchmarkModel& model) { return model.compiled.component->block != Block::kMlp; });
  models.resize(2);
  for (BenchmarkModel& model : models) {
    model.variables = {"v"};
    model.compiled.n_distractors = 0;
    model.compiled.n_operands = 7;
  }
  return models;
}

std::string csv_without_seconds(std::vector<BenchmarkRow> rows) {
  for (BenchmarkRow& row : rows) row.seconds = 0;
  return benchmark_csv(rows);
}

BenchmarkOptions options(const TemporaryFolder& folder, const std::string& shard = "") {
  return {.out = folder.path(), .run = {.n_jobs = 1, .n_threads = 1, .shard = shard}};
}

TEST(Benchmark, OfTwoShardsIsThatOfOneCall) {
  const TemporaryFolder alone, shared;
  const std::vector<BenchmarkModel> models = two_models();
  const Benchmark of_one = run_benchmark(models, options(alone));

  // The other shard begins, and ends, while this one is at its first model.
  BenchmarkOptions first = options(shared, "first");
  int n_messages = 0;
  first.run.callbacks.on_message = [&](const Message&) {
    if (n_messages++ > 0) return;
    const Benchmark other = run_benchmark(models, options(shared, "other"));
    EXPECT_THAT(other.left, ElementsAre(models.front().name));
    EXPECT_THAT(other.rows, IsEmpty());
  };
  const Benchmark of_two = run_benchmark(models, first);
  EXPECT_THAT(of_two.left, IsEmpty());
  EXPECT_EQ(csv_without_seconds(of_two.rows), csv_without_seconds(of_one.rows));
  EXPECT_EQ(csv_without_seconds(run_benchmark(models, options(shared)).rows), csv_without_seconds(of_one.rows));
}

}  // namespace
}  // namespace cprobe
