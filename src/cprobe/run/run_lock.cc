#include "cprobe/run/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/record/provenance.h"

namespace cprobe {

bool lock_now(int descriptor, const std::filesystem::path& path) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno == EINTR) continue;
    throw failure("{}: cannot be locked: {}; the file system must know flock (docs/cluster.md)", path.string(),
                  std::strerror(errno));
  }
  return true;
}

RunLock::RunLock(const std::filesystem::path& folder, bool wait, const OnMessage& on_message,
                 const std::function<void()>& meanwhile) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  const std::filesystem::path path = folder / kLockName;
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw failure("{}: cannot be written: {}", path.string(), std::strerror(errno));
  try {
    for (int moment = 0; !lock_now(descriptor_, path); ++moment) {
      const std::string text = read_file(path);
      const std::string holder = text.empty() ? "another process" : text;
      // A process that only calls is_held has a lock for a moment, so the first try may fail.
      constexpr int kLooking = 1;
      if (!wait && moment > kLooking) {
        throw input_error("{}: {} works on this run; wait for it (--wait), or choose another folder", folder.string(),
                          holder);
      }
      if (moment == kLooking + 1) {
        tell(on_message, {Message::Kind::kWarning, fmt::format("{}: waiting for {}", folder.string(), holder)});
      }
      stop_if_interrupted();
      if (meanwhile) meanwhile();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
  const std::string holder = fmt::format("process {} on {}", ::getpid(), host_name());
  // The text is for people and for is_held_elsewhere. It may be missing; only the lock counts.
  if (::ftruncate(descriptor_, 0) == 0) [[maybe_unused]]
    const ssize_t n = ::write(descriptor_, holder.data(), holder.size());
}

RunLock::~RunLock() {
  [[maybe_unused]] const int emptied = ::ftruncate(descriptor_, 0);
  ::close(descriptor_);
}

bool RunLock::is_held(const std::filesystem::path& folder) {
  const int descriptor = ::open((folder / kLockName).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return held;
}

bool RunLock::is_held_elsewhere(const std::filesystem::path& folder) {
  // A process writes its name just after locking, and erases its name just before unlocking.
  for (int moment = 0; moment < 100 && is_held(folder); ++moment) {
    const std::string holder = read_file(folder / kLockName);
    if (!holder.empty()) return !holder.ends_with(" on " + host_name());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return is_held(folder);
}

}  // namespace cprobe
