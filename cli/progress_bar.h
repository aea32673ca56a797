#pragma once

#include <chrono>
#include <string>

#include "cprobe/core/message.h"
#include "cprobe/core/progress.h"

namespace cprobe {

/// Shows progress on stderr: on a terminal, a bar with rate and time left; elsewhere, one line per
/// minute; with --json, an event per second. Computes the time left from all steps since the work
/// began. Refreshes a bar at most ten times a second; a call between two refreshes costs
/// nanoseconds. For one thread.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Shows `progress`. Begins a new bar if the work has another name than before, or `done` is back
  /// at 0. A note stays until the bar's next note.
  void show(const Progress& progress);
  /// Takes the bar off the screen.
  void clear();
  /// Prints a line on stderr, in place of the bar; with --json, a note.
  void print_line(const std::string& text);

  /// Calls `show`. The bar must outlive the result.
  OnProgress on_progress();
  /// Prints messages with `print_line`. The bar must outlive the result.
  /// @param with_notes  false: prints warnings only.
  OnMessage on_message(bool with_notes = true);

 private:
  Progress progress_;
  bool terminal_;
  bool is_drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
};

/// The text beside a bar: "fit L6.attn: 40% (400/1000), 25.0/s, 24s left, loss 3.91". Progress that
/// does not count steps has no count and rate: "circuits: 40%, 24s left, loss 3.91".
/// @param elapsed  seconds since the work began.
std::string progress_text(const Progress& progress, double elapsed);

/// A duration such as "0.8s", "12s", "3m 20s", "1h 05m" or "2d 03h".
/// @param seconds  in [0, 1e15). Any other number gives "unknown time".
std::string format_duration(double seconds);

}  // namespace cprobe
