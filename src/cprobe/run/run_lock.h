#pragma once

#include <filesystem>
#include <functional>

#include "cprobe/core/message.h"

namespace cprobe {

inline constexpr const char* kLockName = "run.lock";

/// Locks an open file against other processes, without waiting.
/// @return  false if another process holds the lock.
/// @throws Error (kFailed) if the file system has no locks.
bool lock_now(int descriptor, const std::filesystem::path& path);

/// Lock on a run folder (its file run.lock), held while a run writes into the folder. Only one
/// process, on whatever machine, holds the lock at a time. A process that dies releases the lock.
class RunLock {
 public:
  /// Creates the folder if needed, and locks it.
  /// @param wait        whether to wait while another process holds the lock; false: throws.
  /// @param on_message  told once which process the lock waits for.
  /// @param meanwhile   called ten times a second while waiting.
  /// @throws Error
  ///   - (kInput) if another process holds the lock and `wait` is false, naming that process;
  ///   - (kInterrupted) if a stop is requested while waiting;
  ///   - (kFailed) if the folder cannot be written, or the file system has no locks.
  RunLock(const std::filesystem::path& folder, bool wait, const OnMessage& on_message = {},
          const std::function<void()>& meanwhile = {});
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

  /// Whether a process holds the lock of a folder now.
  static bool is_held(const std::filesystem::path& folder);
  /// Whether a process of another machine holds the lock of a folder now.
  static bool is_held_elsewhere(const std::filesystem::path& folder);

 private:
  int descriptor_ = -1;
};

}  // namespace cprobe
