#include "cprobe/benchmark/coordinate_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cprobe/baselines/baseline.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/plant/compiled.h"
#include "cprobe/plant/planted_folder.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using testing::TemporaryFolder;

/// The scores of `v` in a compiled model.
std::vector<DirectScore> scores_of_v(const CompiledOptions& options) {
  const TemporaryFolder folder;
  const Planted planted = compile_model(options, Seed(1));
  write_planted(planted, folder.path());
  const Dataset train = load_token_csv(folder / "train.csv", planted.model.config.vocab);
  return coordinate_scores(planted.model, planted.truth.variable("v"), train, Seed(1));
}

TEST(CoordinateScores, FindTheCoordinatesThatHoldAVariable) {
  for (const Block block : {Block::kAttention, Block::kMlp}) {
    const std::vector<DirectScore> scores = scores_of_v({.component = ComponentRef{1, block}});
    ASSERT_EQ(scores.size(), 2u) << "a linear probe and LEACE";
    for (const DirectScore& score : scores) {
      SCOPED_TRACE(score.method + " " + std::string(to_string(block)));
      const auto has_its_name = [&](const MethodEntry& entry) { return entry.name == score.method; };
      EXPECT_EQ(std::ranges::count_if(baseline_methods(), has_its_name), 1) << "rows are joined by the name";
      EXPECT_EQ(score.component, (ComponentRef{1, block}));
      EXPECT_GT(score.units.auroc, .8);
      EXPECT_LE(score.units.auroc, 1);
      EXPECT_FALSE(score.units.precision);
    }
  }
}

}  // namespace
}  // namespace cprobe
