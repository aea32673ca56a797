#include "cprobe/core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace cprobe {
namespace {

using std::chrono::steady_clock;

constexpr auto kTerminalPeriod = std::chrono::milliseconds(100);
constexpr auto kLogPeriod = std::chrono::minutes(1);
constexpr size_t kBarWidth = 24;

size_t terminal_width() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

std::string bar(int64_t done, int64_t total) {
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const auto filled = static_cast<size_t>(share * static_cast<double>(kBarWidth));
  return fmt::format("[{:<{}}] ", std::string(filled, '='), kBarWidth);
}

}  // namespace

Progress::Progress(std::string label, int64_t total, bool quiet, Steps steps)
    : label_(std::move(label)),
      total_(std::max<int64_t>(total, 1)),
      quiet_(quiet),
      steps_(steps),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(steady_clock::now()),
      shown_(start_) {}

Progress::~Progress() {
  if (!quiet_ && terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(int64_t steps, const std::string& note) {
  done_ = std::min(done_ + steps, total_);
  if (quiet_) return;
  if (!note.empty()) note_ = note;
  const auto now = steady_clock::now();
  const steady_clock::duration period = terminal_ ? steady_clock::duration(kTerminalPeriod) : kLogPeriod;
  if (now - shown_ < period) return;
  shown_ = now;
  show();
}

void Progress::show() {
  const double elapsed = std::chrono::duration<double>(shown_ - start_).count();
  const std::string text = progress_text(label_, done_, total_, elapsed, note_, steps_);
  if (terminal_) {
    // Cut to one line: a line that wraps could not be overwritten.
    const std::string line = (bar(done_, total_) + text).substr(0, terminal_width() - 1);
    std::fputs(fmt::format("\r\033[K{}", line).c_str(), stderr);
  } else {
    std::fputs(fmt::format("{}\n", text).c_str(), stderr);
  }
  std::fflush(stderr);
}

std::string progress_text(const std::string& label, int64_t done, int64_t total, double elapsed,
                          const std::string& note, Progress::Steps steps) {
  const bool counted = steps == Progress::Steps::kCounted;
  std::string text = fmt::format("{}: {}%", label, 100 * done / total);
  if (counted) text += fmt::format(" ({}/{})", done, total);
  if (done > 0 && elapsed > 0) {
    const double rate = static_cast<double>(done) / elapsed;
    if (counted) text += fmt::format(", {:.{}f}/s", rate, rate < 100 ? 1 : 0);
    text += fmt::format(", {} left", format_duration(static_cast<double>(total - done) / rate));
  }
  if (!note.empty()) text += ", " + note;
  return text;
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e15)) return "unknown time";
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  const int64_t minutes = (whole + 30) / 60;
  if (minutes < 24 * 60) return fmt::format("{}h {:02}m", minutes / 60, minutes % 60);
  const int64_t hours = (whole + 1800) / 3600;
  return fmt::format("{}d {:02}h", hours / 24, hours % 24);
}

}  // namespace cprobe
