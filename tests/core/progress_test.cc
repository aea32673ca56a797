#include "cprobe/core/progress.h"

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(PartOf, TellsTheWholeOfItsShare) {
  std::vector<Progress> told;
  const OnProgress whole = [&](const Progress& progress) { told.push_back(progress); };
  const OnProgress part = part_of(whole, 0.5, 0.75);
  tell(part, {"probe", 0, 4});
  tell(part, {"probe", 3, 4, "loss 2"});
  tell(part_of(whole, 0.5, 1, "control task"), {"probe", 4, 4});
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].share(), 0.5);
  EXPECT_EQ(told[1].share(), 0.6875);
  EXPECT_EQ(told[1].what, "probe");
  EXPECT_EQ(told[1].note, "loss 2");
  EXPECT_EQ(told[2].share(), 1);
  EXPECT_EQ(told[2].what, "control task");
  for (const Progress& progress : told) EXPECT_FALSE(progress.is_counted);
}

TEST(PartOf, ToldToNobodyDoesNothing) {
  tell(part_of({}, 0, 1), {"probe", 1, 4});
}

}  // namespace
}  // namespace cprobe
