#include "cprobe/benchmark/shared_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

const std::vector<std::string> kModels = {"m000", "m001", "m002"};

/// A rank that gets no messages and must send none.
class SilentRank : public Ranks {
 public:
  explicit SilentRank(int rank) : rank_(rank) {}
  int rank() const override { return rank_; }
  int count() const override { return 2; }
  void send(int /*to*/, std::string /*message*/) override { ADD_FAILURE() << "a message"; }
  std::optional<std::pair<int, std::string>> receive() override { return std::nullopt; }

 private:
  int rank_;
};

TEST(ComputeModels, AloneComputesAllInOrder) {
  const TemporaryFolder folder;
  std::vector<size_t> computed;
  EXPECT_THAT(compute_models(kModels, folder.path(), {}, [&](size_t i) { computed.push_back(i); }), IsEmpty());
  EXPECT_THAT(computed, ElementsAre(0, 1, 2));
}

TEST(ComputeModels, PassesOverAModelThatAnotherShardIsAt) {
  const TemporaryFolder folder;
  compute_models(kModels, folder.path(), {.shard = "a"}, [&](size_t mine) {
    if (mine != 1) return;
    std::vector<size_t> of_b;
    EXPECT_THAT(compute_models(kModels, folder.path(), {.shard = "b"}, [&](size_t i) { of_b.push_back(i); }),
                ElementsAre("m001"));
    EXPECT_THAT(of_b, ElementsAre(0, 2));
  });
}

TEST(ComputeModels, ComesBackToAModelThatAnotherShardWasAt) {
  const TemporaryFolder folder;
  std::atomic<bool> is_taken = false, may_end = false;
  std::thread other([&] {
    // Keeps the first model, and does not get to the second before this shard has all three.
    compute_models({"m000"}, folder.path(), {.shard = "other"}, [&](size_t) {
      is_taken = true;
      while (!may_end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
  });
  while (!is_taken) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::vector<size_t> computed;
  EXPECT_THAT(compute_models(kModels, folder.path(), {.shard = "a"},
                             [&](size_t i) {
                               computed.push_back(i);
                               if (i != 2) return;
                               may_end = true;
                               other.join();
                             }),
              IsEmpty());
  EXPECT_THAT(computed, ElementsAre(1, 2, 0));
}

TEST(ComputeModels, HasNoTwoShardsAtAModelAtOnceAndOneThatSeesAll) {
  const TemporaryFolder folder;
  std::vector<std::string> models;
  models.reserve(20);
  for (int i = 0; i < 20; ++i) models.push_back(fmt::format("m{}", i));
  std::vector<std::atomic<int>> at_work(models.size());
  std::atomic<int> n_at_once = 0, n_complete = 0;
  std::vector<std::thread> shards;
  for (const char* name : {"a", "b", "c"}) {
    shards.emplace_back([&, name] {
      const auto left = compute_models(models, folder.path(), {.shard = name}, [&](size_t i) {
        if (++at_work[i] > 1) ++n_at_once;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        --at_work[i];
      });
      n_complete += left.empty();
    });
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_EQ(n_at_once, 0);
  EXPECT_GE(n_complete, 1);
}

TEST(ComputeModels, OfRanksAreSharesOfShards) {
  const TemporaryFolder folder;
  SilentRank zero(0), one(1);
  compute_models(kModels, folder.path(), {.ranks = &zero}, [&](size_t mine) {
    if (mine != 0) return;
    std::vector<size_t> of_one;
    EXPECT_THAT(compute_models(kModels, folder.path(), {.ranks = &one}, [&](size_t i) { of_one.push_back(i); }),
                ElementsAre("m000"));
    EXPECT_THAT(of_one, ElementsAre(1, 2));
  });
}

TEST(ComputeModels, RefusesAWholeFolderThatShardsAreAt) {
  const TemporaryFolder folder;
  compute_models({"m000"}, folder.path(), {.shard = "a"}, [&](size_t) {
    EXPECT_INPUT_ERROR(compute_models(kModels, folder.path(), {}, [](size_t) { ADD_FAILURE(); }), "at work (a)");
    EXPECT_INPUT_ERROR(compute_models(kModels, folder.path(), {.shard = "a"}, [](size_t) { ADD_FAILURE(); }),
                       "works on this run");
  });
  compute_models({"m000"}, folder.path(), {}, [&](size_t) {
    EXPECT_INPUT_ERROR(compute_models(kModels, folder.path(), {}, [](size_t) { ADD_FAILURE(); }),
                       folder.path().string());
  });
}

TEST(ComputeModels, LetsGoOfAModelThatFails) {
  const TemporaryFolder folder;
  EXPECT_FAILED_ERROR(compute_models(kModels, folder.path(), {.shard = "a"}, [](size_t) { throw failure("no room"); }),
                      "no room");
  EXPECT_THAT(compute_models(kModels, folder.path(), {.shard = "a"}, [](size_t) {}), IsEmpty());
}

}  // namespace
}  // namespace cprobe
