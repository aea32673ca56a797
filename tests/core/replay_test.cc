#include "cprobe/core/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/seed.h"
#include "tests/shared_folder.h"

namespace cprobe {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

using Numbers = std::vector<int64_t>;

Numbers numbers(const at::Tensor& tensor) {
  return {tensor.data_ptr<int64_t>(), tensor.data_ptr<int64_t>() + tensor.numel()};
}

/// The batches that a DataLoader makes of an order.
std::vector<Numbers> batches(const Numbers& order, size_t batch_size, bool drop_last) {
  std::vector<Numbers> result;
  for (size_t begin = 0; begin < order.size(); begin += batch_size) {
    const size_t end = std::min(begin + batch_size, order.size());
    if (end - begin == batch_size || !drop_last) {
      result.emplace_back(order.begin() + static_cast<ptrdiff_t>(begin), order.begin() + static_cast<ptrdiff_t>(end));
    }
  }
  return result;
}

TEST(TorchReplay, ShufflesAsPyTorchDoes) {
  TorchReplay replay(0);
  EXPECT_THAT(numbers(replay.loader_pass(23, true)).front(), 3);
  const Numbers second = numbers(replay.loader_pass(23, true));
  EXPECT_THAT(Numbers(second.begin(), second.begin() + 5), ElementsAre(4, 11, 16, 8, 12));
}

TEST(TorchReplay, DrawsABaseSeedForAnUnshuffledPassToo) {
  TorchReplay replay(0);
  EXPECT_THAT(numbers(replay.loader_pass(4, false)), ElementsAre(0, 1, 2, 3));
  TorchReplay one_draw_later(0);
  at::empty({}, at::kLong).random_(one_draw_later.generator());
  EXPECT_EQ(numbers(replay.loader_pass(23, true)), numbers(one_draw_later.loader_pass(23, true)));
}

TEST(TorchReplay, StartsAgainWhenSeeded) {
  TorchReplay replay(5);
  const Numbers first = numbers(replay.loader_pass(40, true));
  EXPECT_NE(numbers(replay.loader_pass(40, true)), first);
  replay.manual_seed(5);
  EXPECT_EQ(numbers(replay.loader_pass(40, true)), first);
}

TEST(TorchReplay, SplitsAsPyTorchDoes) {
  const std::vector<at::Tensor> parts = torch_random_split({20, 12, 8}, 0);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_THAT(numbers(parts[2]), ElementsAre(35, 12, 3, 34, 33, 22, 23, 13));
}

TEST(TorchReplay, RefusesANegativeSplit) {
  EXPECT_THROW(torch_random_split({3, -1}, 0), Error);
}

TEST(NumpyReplay, ChoosesAsNumpyDoes) {
  NumpyReplay singles(0);
  Numbers drawn;
  for (int i = 0; i < 5; ++i) {
    drawn.push_back(singles.choice(500, 1)[0]);
  }
  EXPECT_THAT(drawn, ElementsAre(90, 277, 52, 18, 399));
  EXPECT_THAT(NumpyReplay(0).choice(7661, 3), ElementsAre(7138, 200, 3315));
}

TEST(NumpyReplay, RefusesMoreThanThereIs) {
  EXPECT_TRUE(NumpyReplay(0).choice(0, 0).empty());
  EXPECT_THROW(NumpyReplay(0).choice(3, 4), Error);
  EXPECT_THROW(NumpyReplay(0).choice(3, -1), Error);
}

/// Compares with draws recorded from PyTorch 2.0 and numpy 1.26, exactly.
class RecordedDraws : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::shared_folder() / "golden" / "eval";
    if (!std::filesystem::exists(folder_)) {
      GTEST_SKIP() << testing::not_shared(folder_);
    }
  }

  json read(const char* name) const {
    std::ifstream file(folder_ / name);
    return json::parse(file);
  }

  std::filesystem::path folder_;
};

TEST_F(RecordedDraws, LoaderPassesAreThoseOfPyTorch) {
  const json recorded = read("torch_rng.json");
  size_t n_passes = 0;
  for (const char* group : {"dataloader", "dataloader_mixed"}) {
    for (const json& run : recorded.at(group)) {
      TorchReplay replay(run.at("seed").get<uint64_t>());
      for (const json& pass : run.at("passes")) {
        at::Generator next = Seed(0).generator();  // Not a clone: libtorch 1.13 leaks clones.
        next.set_state(replay.generator().get_state());
        const bool shuffle = pass.at("shuffle").get<bool>();
        const at::Tensor base_seed = at::empty({}, at::kLong).random_(next);
        EXPECT_EQ(base_seed.item<int64_t>(), pass.at("base_seed").get<int64_t>()) << pass;
        if (shuffle) {
          const at::Tensor sampler_seed = at::empty({}, at::kLong).random_(next);
          EXPECT_EQ(sampler_seed.item<int64_t>(), pass.at("sampler_seed").get<int64_t>()) << pass;
        }
        const Numbers order = numbers(replay.loader_pass(pass.at("n").get<int64_t>(), shuffle));
        const size_t batch_size = pass.at("batch_size").get<size_t>();
        EXPECT_EQ(batches(order, batch_size, pass.at("drop_last").get<bool>()),
                  pass.at("batches").get<std::vector<Numbers>>())
            << group << ", seed " << run.at("seed");
        ++n_passes;
      }
    }
  }
  EXPECT_GE(n_passes, 12u);
}

TEST_F(RecordedDraws, SplitsAndPermutationsAreThoseOfPyTorch) {
  const json recorded = read("torch_rng.json");
  for (const json& split : recorded.at("random_split")) {
    std::vector<Numbers> parts;
    for (const at::Tensor& part :
         torch_random_split(split.at("lengths").get<Numbers>(), split.at("seed").get<uint64_t>())) {
      parts.push_back(numbers(part));
    }
    EXPECT_EQ(parts, split.at("indices").get<std::vector<Numbers>>()) << "seed " << split.at("seed");
  }
  for (const json& draw : recorded.at("randperm")) {
    TorchReplay replay(draw.at("seed").get<uint64_t>());
    const at::Tensor values = at::randperm(draw.at("n").get<int64_t>(), replay.generator(), at::kLong);
    EXPECT_EQ(numbers(values), draw.at("values").get<Numbers>()) << "seed " << draw.at("seed");
  }
}

TEST_F(RecordedDraws, ChoicesAreThoseOfNumpy) {
  const json recorded = read("numpy_rng.json");
  for (const json& draw : recorded.at("choice")) {
    const uint32_t seed = draw.at("seed").get<uint32_t>();
    const int64_t n = draw.at("n").get<int64_t>();
    NumpyReplay replay(seed);
    Numbers singles;
    for (size_t i = 0; i < draw.at("five_single").size(); ++i) {
      singles.push_back(replay.choice(n, 1)[0]);
    }
    EXPECT_EQ(singles, draw.at("five_single").get<Numbers>()) << "seed " << seed << ", n " << n;
    EXPECT_EQ(NumpyReplay(seed).choice(n, 3), draw.at("three").get<Numbers>()) << "seed " << seed << ", n " << n;
  }
  for (const json& draw : recorded.at("choice_mixed_sizes")) {
    NumpyReplay replay(draw.at("seed").get<uint32_t>());
    Numbers singles;
    for (const json& n : draw.at("ns")) {
      singles.push_back(replay.choice(n.get<int64_t>(), 1)[0]);
    }
    EXPECT_EQ(singles, draw.at("singles").get<Numbers>()) << "seed " << draw.at("seed");
  }
}

}  // namespace
}  // namespace cprobe
