#include "cprobe/core/interrupt.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX

#include <atomic>

#include "cprobe/core/error.h"

namespace cprobe {
namespace {

// A global, because a signal handler can reach nothing else.
std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler may not take a lock");

extern "C" void request_stop(int signal_number) {
  if (stop_requested.exchange(true)) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);  // The default action follows when this handler returns.
  }
}

}  // namespace

void catch_interrupts() {
  for (const int signal_number : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    sigaction(signal_number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = request_stop;
    // Reads and writes in progress go on: the loops decide where to stop.
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, nullptr);
  }
}

bool interrupted() {
  return stop_requested.load(std::memory_order_relaxed);
}

void stop_if_interrupted() {
  if (interrupted()) throw Error(ErrorKind::kInterrupted, "stopped on request");
}

}  // namespace cprobe
