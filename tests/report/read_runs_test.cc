#include "cprobe/report/read_runs.h"

#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;

TEST(ThinnedCurve, KeepsTheFirstAndTheLastEpoch) {
  EXPECT_THAT(thinned(90, 4), ElementsAre(0, 29, 59, 89));
}

}  // namespace
}  // namespace cprobe
