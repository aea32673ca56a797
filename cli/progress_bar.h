#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cprobe/core/message.h"
#include "cprobe/core/progress.h"

namespace cprobe {

/// Shows progress on stderr: on a terminal a bar with rate and time left, elsewhere a line a
/// minute. The time left comes from the steps since the work began. Between two refreshes (ten a
/// second at most) a call costs nanoseconds. For one thread.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Work of another name than the last, or that is back at 0, begins a new bar. A note stays until
  /// another one comes.
  void show(const Progress& progress);
  /// Takes the bar off the screen.
  void clear();
  /// Prints a line on stderr, in place of the bar.
  void print_line(const std::string& text);

  /// These refer to the bar, which must outlive them.
  OnProgress on_progress();
  /// @param with_notes otherwise only warnings are printed.
  OnMessage on_message(bool with_notes = true);

 private:
  void draw();

  Progress progress_;
  bool terminal_;
  bool is_drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
};

/// What a bar shows beside itself: "fit L6.attn: 40% (400/1000), 25.0/s, 24s left, loss 3.91".
/// Progress that counts no steps goes without count and rate: "circuits: 40%, 24s left, loss 3.91".
/// @param elapsed seconds since the first step.
std::string progress_text(const Progress& progress, double elapsed);

/// "3m 20s", "1h 05m", "12s", "0.8s". @param seconds >= 0; anything else gives "unknown time".
std::string format_duration(double seconds);

}  // namespace cprobe
