#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cprobe {

/// Progress of something that takes over a second, on stderr: a bar with rate and ETA on a terminal, a line a minute
/// otherwise. ETA comes from the steps measured so far. `advance` costs nanoseconds between two refreshes (ten a second
/// at most). For one thread; two bars at a time would overwrite each other.
class Progress {
 public:
  /// What the steps are to the reader: things to count, or shares of the work, of which only the percentage tells.
  enum class Steps { kCounted, kShares };

  /// @param label what is being done, a few words. @param total steps to come, > 0. @param quiet shows nothing.
  Progress(std::string label, int64_t total, bool quiet = false, Steps steps = Steps::kCounted);
  ~Progress();  ///< Clears the bar.
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// @param note a few words behind the bar, such as "loss 3.91"; kept until the next call that gives one.
  void advance(int64_t steps = 1, const std::string& note = {});

  /// The same, up to a step. @param done so many steps of the total.
  void reach(int64_t done, const std::string& note = {}) { advance(done - done_, note); }

 private:
  void show();

  std::string label_;
  std::string note_;
  int64_t total_;
  int64_t done_ = 0;
  bool quiet_;
  Steps steps_;
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
};

/// What Progress shows, without the bar: "fit L6.attn: 40% (400/1000), 25.0/s, 24s left, loss 3.91".
/// Steps that are shares of the work go without count and rate: "fit L6.attn: 40%, 24s left, loss 3.91".
/// @param elapsed seconds since the first step.
std::string progress_text(const std::string& label, int64_t done, int64_t total, double elapsed,
                          const std::string& note, Progress::Steps steps = Progress::Steps::kCounted);

/// "3m 20s", "1h 05m", "12s", "0.8s". @param seconds >= 0; anything else gives "unknown time".
std::string format_duration(double seconds);

}  // namespace cprobe
