#include "cprobe/benchmark/coordinate_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    for (const DirectScore& score : scores_of_v({.component = ComponentRef{1, block}})) {
      SCOPED_TRACE(score.method + " " + std::string(to_string(block)));
      EXPECT_EQ(score.component, (ComponentRef{1, block}));
      EXPECT_GT(score.units.auroc, .8);
      EXPECT_LE(score.units.auroc, 1);
      EXPECT_FALSE(score.units.precision);
    }
  }
}

}  // namespace
}  // namespace cprobe
