#pragma once

#include <filesystem>
#include <functional>

#include "cprobe/core/message.h"

namespace cprobe {

inline constexpr const char* kLockName = "run.lock";

/// Locks an open file against other processes. @return false if another has it.
/// @throws Error (kFailed) where the file system has no locks.
bool lock_now(int descriptor, const std::filesystem::path& path);

/// Held while a run writes into its folder (run.lock there), by one process at a time, on whatever machine. A process
/// that dies lets go of it.
class RunLock {
 public:
  /// @param wait       for another process to end; otherwise its folder is refused.
  /// @param on_message told once whom the lock waits for.
  /// @param meanwhile  called ten times a second while the lock waits.
  /// @throws Error (kInput) where another process holds it, saying which; (kInterrupted) while it waits; (kFailed) if the
  ///         folder cannot be written.
  RunLock(const std::filesystem::path& folder, bool wait, const OnMessage& on_message = {},
          const std::function<void()>& meanwhile = {});
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

  /// Whether a process works in a folder now.
  static bool is_held(const std::filesystem::path& folder);
  /// Whether it is one of another machine.
  static bool is_held_elsewhere(const std::filesystem::path& folder);

 private:
  int descriptor_ = -1;
};

}  // namespace cprobe
