#include "cli/progress_bar.h"

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
  EXPECT_EQ(progress_text({"fit", 400, 1000, "loss 3.91"}, 16.0), "fit: 40% (400/1000), 25.0/s, 24s left, loss 3.91");
  EXPECT_EQ(progress_text({"fit", 5000, 10000}, 1.0), "fit: 50% (5000/10000), 5000/s, 1.0s left");
}

TEST(ProgressText, PromisesNothingBeforeTheFirstStep) {
  EXPECT_EQ(progress_text({"fit", 0, 3}, 2.0), "fit: 0% (0/3)");
}

TEST(ProgressText, CountsNoSharesOfTheWork) {
  EXPECT_EQ(progress_text({"circuits", 400, 1000, "2 of 4", false}, 16.0), "circuits: 40%, 24s left, 2 of 4");
}

std::string stderr_of(const std::function<void(ProgressBar&)>& work) {
  ::testing::internal::CaptureStderr();
  {
    ProgressBar bar;
    work(bar);
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(ProgressBar, WritesNothingToALogWithinTheFirstMinute) {
  const auto work = [](ProgressBar& bar) {
    for (int64_t i = 0; i <= 5; ++i) bar.show({"short", i, 3, "note"});
  };
  EXPECT_EQ(stderr_of(work), "");
}

TEST(ProgressBar, PrintsWarningsAlsoToWhoeverWantsNoNotes) {
  const auto say = [](const OnMessage& on_message) {
    on_message({Message::Kind::kNote, "a note"});
    on_message({Message::Kind::kWarning, "a warning"});
  };
  EXPECT_EQ(stderr_of([&](ProgressBar& bar) { say(bar.on_message()); }), "a note\na warning\n");
  EXPECT_EQ(stderr_of([&](ProgressBar& bar) { say(bar.on_message(/*with_notes=*/false)); }), "a warning\n");
}

}  // namespace
}  // namespace cprobe
