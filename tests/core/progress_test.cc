#include "cprobe/core/progress.h"

#include "tests/support.h"

namespace cprobe {
namespace {

TEST(FormatDuration, KeepsTheTwoLargestUnits) {
  EXPECT_EQ(format_duration(0), "0.0s");
  EXPECT_EQ(format_duration(0.84), "0.8s");
  EXPECT_EQ(format_duration(9.96), "10s");
  EXPECT_EQ(format_duration(12.3), "12s");
  EXPECT_EQ(format_duration(59.6), "1m 00s");
  EXPECT_EQ(format_duration(200), "3m 20s");
  EXPECT_EQ(format_duration(3599.7), "1h 00m");
  EXPECT_EQ(format_duration(3900), "1h 05m");
  EXPECT_EQ(format_duration(86400 + 7200), "1d 02h");
}

TEST(FormatDuration, DoesNotInventATimeForWhatIsNone) {
  EXPECT_EQ(format_duration(-1), "unknown time");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "unknown time");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "unknown time");
}

TEST(ProgressText, TakesRateAndTimeLeftFromTheStepsSoFar) {
  EXPECT_EQ(progress_text("fit", 400, 1000, 16.0, "loss 3.91"), "fit: 40% (400/1000), 25.0/s, 24s left, loss 3.91");
  EXPECT_EQ(progress_text("fit", 5000, 10000, 1.0, ""), "fit: 50% (5000/10000), 5000/s, 1.0s left");
}

TEST(ProgressText, PromisesNothingBeforeTheFirstStep) {
  EXPECT_EQ(progress_text("fit", 0, 3, 2.0, ""), "fit: 0% (0/3)");
}

TEST(ProgressText, CountsNoSharesOfTheWork) {
  EXPECT_EQ(progress_text("circuits", 400, 1000, 16.0, "2 of 4", Progress::Steps::kShares),
            "circuits: 40%, 24s left, 2 of 4");
}

TEST(Progress, WritesNothingToALogWithinTheFirstMinute) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress("short", 3);
    for (int i = 0; i < 5; ++i) progress.advance(1, "note");
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace cprobe
