#include "cprobe/core/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/support.h"

namespace cprobe {
namespace {

/// Sends this process a signal, as a terminal does.
void send(int signal_number) {
  kill(getpid(), signal_number);
}

/// Waits, but not for ever, until another thread has taken a signal.
void wait_for_request() {
  for (int i = 0; i < 1000 && !interrupted(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

// Each case runs in a child process: signals and their handlers belong to the whole process.

TEST(InterruptDeathTest, OneSignalIsARequestThatTheNextStepHonours) {
  EXPECT_EXIT(
      {
        catch_interrupts();
        stop_if_interrupted();
        send(SIGINT);
        wait_for_request();
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
        send(SIGINT);
        wait_for_request();
        send(SIGTERM);
        std::this_thread::sleep_for(std::chrono::seconds(10));
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

TEST(InterruptDeathTest, ThreadsThatComputeTakeNoSignal) {
  // A handler on their stack would write over what oneDNN keeps there.
  EXPECT_EXIT(
      {
        catch_interrupts();
        sigset_t blocked = {};
        std::thread([&] { pthread_sigmask(SIG_BLOCK, nullptr, &blocked); }).join();
        std::_Exit(sigismember(&blocked, SIGINT) == 1 && sigismember(&blocked, SIGTERM) == 1 ? 7 : 8);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(InterruptDeathTest, AnIgnoredSignalStaysIgnored) {
  EXPECT_EXIT(
      {
        signal(SIGINT, SIG_IGN);
        catch_interrupts();
        send(SIGINT);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
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
