#include "cprobe/core/interrupt.h"

#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX
#include <unistd.h>

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

/// The only thread on which the handler runs.
void* wait_for_signals(void* signals) {
  pthread_sigmask(SIG_UNBLOCK, static_cast<const sigset_t*>(signals), nullptr);
  for (;;) pause();
}

/// Has a thread of its own take the signals. The calling thread, and all threads that it starts
/// later, block them: a kernel of oneDNN 2.6 uses the stack pointer for an array on the heap, and a
/// handler on the same thread would write over the heap.
void take_on_own_thread(const sigset_t& signals) {
  static sigset_t kept;  // The thread reads it at any time.
  kept = signals;
  pthread_sigmask(SIG_BLOCK, &kept, nullptr);
  pthread_t thread = {};
  if (pthread_create(&thread, nullptr, wait_for_signals, &kept) == 0) {
    pthread_detach(thread);
  } else {
    pthread_sigmask(SIG_UNBLOCK, &kept, nullptr);
  }
}

}  // namespace

void catch_interrupts() {
  sigset_t signals = {};
  sigemptyset(&signals);
  for (const int signal_number : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    sigaction(signal_number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    sigaddset(&signals, signal_number);
    action = {};
    action.sa_handler = request_stop;
    // Reads and writes in progress go on: the loops decide where to stop.
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, nullptr);
  }
  take_on_own_thread(signals);
}

bool interrupted() {
  return stop_requested.load(std::memory_order_relaxed);
}

void stop_if_interrupted() {
  if (interrupted()) throw Error(ErrorKind::kInterrupted, "stopped on request");
}

}  // namespace cprobe
