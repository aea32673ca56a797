#include "cprobe/core/seed.h"

#include <gtest/gtest.h>

#include <set>

namespace cprobe {
namespace {

TEST(Seed, DerivesTheSameStreamOnEveryMachine) {
  // XXH3 is a fixed function. If these values changed, every recorded run would draw differently.
  EXPECT_EQ(Seed(0).derive("fit/batches").value(), 5490404438440206086u);
  EXPECT_EQ(Seed(1).derive("fit/batches").value(), 7493121080911821876u);
}

TEST(Seed, SeparatesNamesAndSeeds) {
  std::set<uint64_t> values;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (const char* name : {"", "a", "b", "ab", "fit/batches", "fit/batch"}) {
      values.insert(Seed(seed).derive(name).value());
    }
  }
  EXPECT_EQ(values.size(), 600u);
}

TEST(Seed, DependsOnTheOrderOfNames) {
  EXPECT_NE(Seed(3).derive("a").derive("b").value(), Seed(3).derive("b").derive("a").value());
}

TEST(Seed, GivesAFreshGeneratorEachTime) {
  const Seed seed = Seed(7).derive("stream");
  at::Generator first = seed.generator();
  const at::Tensor once = at::rand({8}, first);
  const at::Tensor onwards = at::rand({8}, first);
  EXPECT_TRUE(once.equal(at::rand({8}, seed.generator())));
  EXPECT_FALSE(once.equal(onwards));
}

}  // namespace
}  // namespace cprobe
