#include "cprobe/core/interrupt.h"

#include <signal.h>

#include <cstdlib>

#include "tests/support.h"

namespace cprobe {
namespace {

// Each case runs in a child process: signals and their handlers belong to the whole process.

TEST(InterruptDeathTest, OneSignalIsARequestThatTheNextStepHonours) {
  EXPECT_EXIT(
      {
        catch_interrupts();
        stop_if_interrupted();
        raise(SIGINT);
        try {
          stop_if_interrupted();
        } catch (const Error& error) {
          std::_Exit(interrupted() && error.kind() == ErrorKind::kInterrupted ? 7 : 8);
        }
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(InterruptDeathTest, ASecondSignalKillsAtOnce) {
  EXPECT_EXIT(
      {
        catch_interrupts();
        raise(SIGINT);
        raise(SIGTERM);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

TEST(InterruptDeathTest, AnIgnoredSignalStaysIgnored) {
  EXPECT_EXIT(
      {
        signal(SIGINT, SIG_IGN);
        catch_interrupts();
        raise(SIGINT);
        std::_Exit(interrupted() ? 8 : 7);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(Interrupt, NothingStopsUnasked) {
  EXPECT_FALSE(interrupted());
  EXPECT_NO_THROW(stop_if_interrupted());
}

}  // namespace
}  // namespace cprobe
